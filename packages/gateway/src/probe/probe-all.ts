import type { RouterConfig } from '@immich-ml-router/core'
import { BackendClient } from '@immich-ml-router/core/parts'
import type { Finding } from './finding.ts'
import { IMMICH_JOBS } from './immich-jobs.ts'
import { type ProbeOptions, probeBackend } from './probe-backend.ts'
import { Progress } from './progress.ts'

/**
 * Asks every backend of a configuration at once, and each one for one job after the other.
 *
 * @param stream Shows the progress, if it is a terminal.
 */
export async function probeAll(
  config: RouterConfig,
  stream: NodeJS.WriteStream,
  { jobs: all = IMMICH_JOBS, ...options }: Pick<ProbeOptions, 'clock' | 'jobs'> = {},
): Promise<ReadonlyMap<string, Finding>> {
  const progress = new Progress(stream)
  const ask = async (name: string, tasks: readonly string[] | undefined) => {
    const client = new BackendClient(config, name)
    try {
      const jobs = all.filter(({ task }) => tasks?.includes(task) ?? true)
      const onStep = (step: string) => progress.set(name, step)
      return [name, await probeBackend(client, { ...options, jobs, onStep })] as const
    } finally {
      progress.set(name, undefined)
      await client.close()
    }
  }
  try {
    const backends = Object.entries(config.backends)
    return new Map(await Promise.all(backends.map(([name, { tasks }]) => ask(name, tasks))))
  } finally {
    progress.end()
  }
}
