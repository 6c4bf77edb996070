import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

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

/** Bytes between a process and the kernel: over sockets, and into and out of files. */
export interface Moved {
  readonly read: number
  readonly written: number
}

const READS = ['read', 'readv', 'pread64', 'preadv', 'preadv2', 'recvfrom', 'recvmsg']
const WRITES = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg', 'sendfile']
/** After the last answer, the proxy may still work for it, in milliseconds. */
const AFTERWARDS = 200

/**
 * What a process moves during some work, by its system calls. `/proc/<pid>/io` does not count `recv` and `send`, which nginx
 * and Python use.
 *
 * @throws {Error} when strace may not look at it.
 */
export async function movedDuring(pid: number, work: () => Promise<unknown>): Promise<Moved> {
  const traced = ['-e', `trace=${[...READS, ...WRITES].join(',')}`, '-e', 'signal=none']
  const child = spawn('strace', ['-f', '-s', '0', ...traced, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running = child
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      said += text
      if (said.length < 1_000 && said.includes(' attached')) resolve()
    })
    child.once('close', () => reject(new Error(`strace: ${said.trim()}`)))
    child.once('error', reject)
  })
  await work()
  await sleep(AFTERWARDS)
  const closed = once(child, 'close')
  child.kill('SIGINT')
  await closed
  return parseCalls(said)
}

/** Adds up what the calls have returned. */
export function parseCalls(output: string): Moved {
  let [read, written] = [0, 0]
  // Where threads interrupt each other, a call ends in a line of its own: "<... read resumed>) = 12".
  const lines = output.matchAll(/^(?:\[pid +\d+\] )?(?:<\.\.\. )?(\w+)[( ].* = (\d+)$/gm)
  for (const [, call = '', bytes] of lines) {
    if (READS.includes(call)) read += Number(bytes)
    else if (WRITES.includes(call)) written += Number(bytes)
  }
  return { read, written }
}

let running: ChildProcess | undefined
process.on('exit', () => running?.kill('SIGKILL'))
