import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** Bytes that a process has moved between itself and the kernel: over sockets, and into and out of files. */
export interface Moved {
  readonly read: number
  readonly written: number
}

const READS = ['read', 'readv', 'pread64', 'preadv', 'preadv2', 'recvfrom', 'recvmsg']
const WRITES = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg', 'sendfile']
/** Behind the last answer, until what the proxy still does for it is done. */
const AFTERWARDS = 200

/**
 * What a process moves while something is done, by its system calls. Not by `/proc/<pid>/io`, which does not count `recv` and
 * `send`, by which nginx and Python read and write their sockets.
 *
 * @throws {Error} when strace may not look at it.
 */
export async function movedDuring(pid: number, work: () => Promise<unknown>): Promise<Moved> {
  const calls = [...READS, ...WRITES].join(',')
  const child = spawn(
    'strace',
    ['-f', '-s', '0', '-e', `trace=${calls}`, '-e', 'signal=none', '-p', String(pid)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  running = child
  const said: string[] = []
  const attached = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said.push(chunk.toString('latin1'))
      if (said.length < 10 && said.join('').includes(' attached')) resolve()
    })
    child.once('close', () => reject(new Error(`strace: ${said.join('').trim()}`)))
    child.once('error', reject)
  })
  await attached
  await work()
  await sleep(AFTERWARDS)
  const closed = once(child, 'close')
  child.kill('SIGINT')
  await closed
  return parseCalls(said.join(''))
}

/** Adds up what the calls have returned. */
export function parseCalls(output: string): Moved {
  let [read, written] = [0, 0]
  // Where threads interrupt each other, a call ends in a line of its own: "<... read resumed>) = 12".
  for (const [, call = '', bytes] of output.matchAll(
    /^(?:\[pid +\d+\] )?(?:<\.\.\. )?(\w+)[( ].* = (\d+)$/gm,
  )) {
    if (READS.includes(call)) read += Number(bytes)
    else if (WRITES.includes(call)) written += Number(bytes)
  }
  return { read, written }
}

let running: ChildProcess | undefined
process.on('exit', () => running?.kill('SIGKILL'))
