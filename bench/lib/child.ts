import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answer, Arguments, Call, Functions, Name, Reply } from './rpc.ts'

export interface ChildOptions {
  /** The one core that it may use; any when not given. `taskset` sees to it. */
  readonly core?: number | undefined
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/**
 * A process of its own that runs a module with `offer()`. It ends with this one at the latest: it sees the channel close,
 * even when this process is killed.
 */
export class Child<F extends Functions<F>> {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #pending = new Map<number, Pending>()
  readonly #errors: string[] = []
  #calls = 0

  /** @param module Its file. Nothing needs to be awaited: calls wait until it is ready. */
  constructor(module: URL, { core }: ChildOptions = {}) {
    this.#name = fileURLToPath(module)
    // taskset becomes what it runs, so that the process is the same.
    const pinned =
      core === undefined ? {} : { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath] }
    this.#process = fork(this.#name, { ...pinned, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    running.add(this.#process)
    this.#process.stderr?.on('data', (chunk: Buffer) => this.#errors.push(chunk.toString()))
    this.#process.on('message', (message) => this.#settle(message as Reply))
    this.#process.on('error', (error) => this.#fail(error))
    this.#process.on('exit', (code, signal) => {
      running.delete(this.#process)
      this.#fail(new Error(`${this.#name} has ended (${signal ?? code}): ${this.#errors.join('').trim()}`))
    })
  }

  /** What it has printed to its standard error, such as warnings. */
  get errors(): string {
    return this.#errors.join('')
  }

  /** @throws {Error} when it could not be started. */
  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.#name} does not run`)
    return this.#process.pid
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /**
   * Calls a function of the child.
   *
   * @throws {Error} what the function has thrown, or that the child has ended, with what it has printed.
   */
  call<N extends Name<F>>(name: N, ...args: Arguments<F, N>): Promise<Answer<F, N>> {
    const id = ++this.#calls
    const call: Call = { id, name, args }
    return new Promise((resolve, reject) => {
      // The value is what the other side's function of this name has returned.
      this.#pending.set(id, { resolve: (value) => resolve(value as Answer<F, N>), reject })
      this.#process.send(call, (error) => error && this.#pending.get(id)?.reject(error))
    })
  }

  /** Ends it, and waits for that. */
  async stop(): Promise<void> {
    if (this.ended) return
    const exited = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.disconnect()
    const late = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE)
    await exited
    clearTimeout(late)
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (reply.ok) pending?.resolve(reply.value)
    else pending?.reject(new Error(reply.message))
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

/** Makes signals end this process in the ordinary way, and its children with it. */
export function endOnSignals(): void {
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
}

/** How long a child may take to end by itself. */
const PATIENCE = 3_000

const running = new Set<ChildProcess>()
// One that is too busy to see the channel close is ended by the signal.
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})
