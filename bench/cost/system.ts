import { readFileSync } from 'node:fs'

/** Ticks a second in /proc: `getconf CLK_TCK` on every Linux that Node runs on. */
const TICKS = 100

/** Seconds of CPU time, of all its threads. */
export function cpuTimeOf(pid: number): number {
  return parseCpuTime(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

export function parseCpuTime(stat: string): number {
  // Its name is in parentheses, and may hold anything; user and system time are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Whether it sleeps because it has nothing to do; a busy machine may keep it from its work. */
export function isIdle(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.at(stat.lastIndexOf(')') + 2) === 'S'
}

/** Resident memory of a process in bytes: what it has now, and the most that it had. */
export function memoryOf(pid: number): { readonly rss: number; readonly peak: number } {
  return parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

export function parseMemory(status: string): { readonly rss: number; readonly peak: number } {
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  return { rss: kib('VmRSS') * 1024, peak: kib('VmHWM') * 1024 }
}

/** Bytes that the system could give to programs. */
export function freeMemory(): number {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  return Number(available) * 1024
}
