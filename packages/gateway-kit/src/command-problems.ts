import { stat } from 'node:fs/promises'
import type { ConfigProblem, RouterConfig } from '@immich-ml-router/core'
import { formatPath } from '@immich-ml-router/core/parts'

/** The options of a backend that can run a command. */
const HOOKS = ['wake', 'suspend', 'recycle'] as const

/**
 * Mistakes of a configuration file with commands: they run as the gateway's user, so no other user but root may write the file.
 */
export async function commandProblems(
  file: string,
  { backends }: RouterConfig,
  user = process.getuid?.(),
): Promise<ConfigProblem[]> {
  const paths = Object.entries(backends).flatMap(([name, backend]) =>
    HOOKS.flatMap((hook) =>
      backend[hook]?.command === undefined ? [] : [formatPath(['backends', name, hook, 'command'])],
    ),
  )
  if (paths.length === 0 || user === undefined) return []
  const { uid, mode } = await stat(file)
  const fault =
    uid !== user && uid !== 0
      ? `the file belongs to user ${uid} and the gateway runs as user ${user}: "chown ${user} ${file}"`
      : (mode & 0o022) !== 0
        ? `other users may write the file: "chmod go-w ${file}"`
        : undefined
  if (fault === undefined) return []
  return paths.map((path) => ({ path, message: `must not be used, since ${fault}, or use url instead` }))
}
