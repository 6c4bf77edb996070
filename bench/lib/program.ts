import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child, type ChildOptions } from './child.ts'
import type { Keeper } from './keeper.ts'

/** What to do about a program that is missing. */
export const INSTALL = '`bash scripts/install-debian.sh` installs it'

/** A server that is not Node and that has no children. */
export interface ServerProgram {
  readonly program: string
  /** Its arguments, for it to listen on this port; the directory is its own. */
  readonly args: (port: number, directory: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Default: a free one. */
  readonly port?: number
}

/** A server that runs. */
export interface RunningServer {
  readonly url: string
  readonly pid: number
  /** Kills it. */
  stop(): Promise<void>
  /** Sends SIGTERM and waits until it has ended. */
  terminate(): Promise<void>
}

/**
 * Starts a server on a free port, with a directory of its own.
 *
 * @throws {Error} with what it has printed when it does not start.
 */
export async function startServer(
  { program, args, env, port = 0 }: ServerProgram,
  options?: ChildOptions,
): Promise<RunningServer> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-server-'))
  // What it runs is pinned as it is.
  const keeper = new Child<Keeper>(new URL('./keeper.ts', import.meta.url), options)
  const stop = () => keeper.stop()
  try {
    const chosen = port === 0 ? await freePort() : port
    const pid = await keeper.call('run', { program, args: args(chosen, directory), env, directory })
    await listens(chosen, keeper, program)
    const terminate = async () => {
      process.kill(pid, 'SIGTERM')
      await ended(pid)
    }
    return { url: `http://127.0.0.1:${chosen}`, pid, stop, terminate }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Few servers can be told to take any port that is free, and to say which. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  return address.port
}

/** The keeper reaps it, but ends later: its own end would be seen too late. */
async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await sleep(2)
  }
}

async function listens(port: number, keeper: Child<Keeper>, program: string): Promise<void> {
  const late = performance.now() + PATIENCE
  while (performance.now() < late && !keeper.ended) {
    const socket = net.connect(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (connected) return
    await sleep(25)
  }
  throw new Error(`${program} does not listen: ${keeper.errors}`)
}

/** How long a server may take to start. */
const PATIENCE = 10_000
