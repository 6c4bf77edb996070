import { execFileSync } from 'node:child_process'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

/** The machine and programs of a measurement. */
export interface Machine {
  readonly date: string
  /** With a `+` if the work tree has changes. */
  readonly commit: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly versions: Readonly<Record<string, string>>
  /** Load average before the run, in cores. */
  readonly load: number
}

/** @param versions Versions of further programs; `undefined` is left out. */
export function describeMachine(versions: Readonly<Record<string, string | undefined>> = {}): Machine {
  const git = (...args: string[]) =>
    answerOf('git', '-C', fileURLToPath(new URL('.', import.meta.url)), ...args)
  const [cpu] = os.cpus()
  const all = Object.entries({ node: process.version.slice(1), ...versions })
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${git('rev-parse', '--short', 'HEAD') ?? 'unknown'}${git('status', '--porcelain') ? '+' : ''}`,
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    versions: Object.fromEntries(all.flatMap(([name, version]) => (version ? [[name, version]] : []))),
    load: Number((os.loadavg()[0] ?? 0).toFixed(1)),
  }
}

export function machineLine({ date, commit, cores, cpu, memoryGiB, system, load }: Machine): string {
  return `${date} at commit ${commit} on ${cores} cores of ${cpu}, ${memoryGiB} GiB, ${system}, load ${load} before the run`
}

/** The programs that took part. */
export function versionsOf({ versions }: Machine): string[] {
  return Object.entries(versions).map(([name, version]) => `${name} ${version}`)
}

/** Output of a program; `undefined` if it is missing or fails. */
export function answerOf(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
