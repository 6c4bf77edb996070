import { execFileSync } from 'node:child_process'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

/** Where and with what figures were measured. */
export interface Machine {
  /** Day of the run. */
  readonly date: string
  /** What was measured, with a `+` when files were changed since. */
  readonly commit: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  /** Versions by program, as far as they are there. */
  readonly versions: Readonly<Record<string, string>>
  /** How busy the machine was before the run, in cores. */
  readonly load: number
}

/** @param versions Of further programs that take part. */
export function describeMachine(versions: Readonly<Record<string, string | undefined>> = {}): Machine {
  const [cpu] = os.cpus()
  const all = { node: process.version.slice(1), ...versions }
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    versions: Object.fromEntries(
      Object.entries(all).flatMap(([name, version]) => (version === undefined ? [] : [[name, version]])),
    ),
    load: Number((os.loadavg()[0] ?? 0).toFixed(1)),
  }
}

/** In one line. */
export function machineLine(machine: Machine): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${machine.date}, commit ${machine.commit}`,
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}`,
    ...versions,
    `load before the run ${machine.load}`,
  ].join('; ')
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}
