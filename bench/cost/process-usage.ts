import { readFileSync } from 'node:fs'

/** Ticks a second in /proc, whatever the kernel's own are: `getconf CLK_TCK` on every Linux that Node runs on. */
const TICKS = 100

/** Seconds of CPU time, of all its threads. */
export function cpuTimeOf(pid: number): number {
  return parseCpuTime(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

export function parseCpuTime(stat: string): number {
  // Its name is in parentheses, and may hold anything; user and system time are fields 14 and 15 of all.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Whether it waits for something to do, rather than to be let: a busy machine may keep it from what it has to do. */
export function isIdle(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.at(stat.lastIndexOf(')') + 2) === 'S'
}

/** Memory of a process, in bytes. */
export interface Memory {
  /** What it has now. */
  readonly rss: number
  /** The most that it had. */
  readonly peak: number
}

export function memoryOf(pid: number): Memory {
  return parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

export function parseMemory(status: string): Memory {
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { rss: kib('VmRSS'), peak: kib('VmHWM') }
}

/** Memory that the system could give to programs, in bytes. */
export function freeMemory(): number {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  return Number(available) * 1024
}
