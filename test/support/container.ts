import { execFile, execFileSync } from 'node:child_process'
import { chmod, chown, copyFile, cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type GatewayProcess, spawnProgram, started } from './gateway-process.ts'
import type { Image } from './image.ts'
import { temporaryDirectory } from './temporary-file.ts'

const exec = promisify(execFile)
/** Where the base image has Node. */
const NODE = '/nodejs/bin/node'
/** A new mount namespace with a read-only root and one volume, in which a command runs as the user of the image. */
const ENTER = `set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1$3"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
root=$1 user=$4 variables=$5
shift 5
exec env -i $variables "$(command -v chroot)" --userspec="$user" "$root" "$@"`

/** An image on a root file system that has, apart from the files of the image, only Node and its libraries. */
export interface Container {
  /** The directory of this machine that is mounted as the volume. */
  readonly volume: string
  /** Runs its command and waits until the gateway listens. */
  readonly start: (env: Record<string, string>) => Promise<GatewayProcess>
  /** Runs another command, such as the health check. */
  readonly run: (
    command: readonly string[],
    env?: Record<string, string>,
  ) => Promise<{ readonly code: number; readonly output: string }>
}

/**
 * Makes a container without Docker.
 *
 * @param image Its root gets Node and its libraries.
 * @param config A directory that becomes /config.
 */
export async function makeContainer(image: Image, config: string): Promise<Container> {
  const { root, user, env } = image
  const [volumePath = ''] = image.volumes
  const volume = await temporaryDirectory()
  const [uid = 0, gid = 0] = user.split(':').map(Number)
  await chown(volume, uid, gid)
  await chmod(root, 0o755)
  await mkdir(join(root, 'proc'))
  await cp(config, join(root, 'config'), { recursive: true })
  for (const [from, to] of [[process.execPath, NODE] as const, ...librariesOf(process.execPath)]) {
    await mkdir(join(root, dirname(to)), { recursive: true })
    await copyFile(from, join(root, to))
  }
  const program = 'unshare'
  /** The arguments of unshare. Of this machine's variables, the command sees none. */
  const argsOf = ([name, ...args]: readonly string[], more: Record<string, string>) => {
    const variables = Object.entries({ ...env, ...more }).map(([key, value]) => `${key}=${value}`)
    const shell = ['--mount', 'sh', '-c', ENTER, 'sh', root, volume, volumePath, user, variables.join(' ')]
    return [...shell, `/usr/local/bin/${name}`, ...args]
  }
  return {
    volume,
    start: (more) => started(spawnProgram({ cwd: '/', args: argsOf(image.command, more) }, {}, { program })),
    run: async (command, more = {}) => {
      try {
        const { stdout, stderr } = await exec(program, argsOf(command, more))
        return { code: 0, output: stdout + stderr }
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
        return { code, output: stdout + stderr }
      }
    },
  }
}

/** The shared libraries of a program, with the loader. */
function librariesOf(program: string): (readonly [from: string, to: string])[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' })
  return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => [path, path] as const)
}
