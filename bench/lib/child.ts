import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Call, Functions, Reply } from './offer.ts'

/** How long a child may take to end by itself, in milliseconds. */
const PATIENCE = 3_000
const running = new Set<ChildProcess>()
// One that is too busy to see the channel close is ended by the signal.
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/** A process that runs a module with `offer()`. It sees the channel close and ends, even when this process is killed. */
export class Child<F extends Functions<F>> {
  readonly #process: ChildProcess
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #calls = 0
  /** What it has printed to its standard error, such as warnings. */
  errors = ''

  /**
   * @param module Its file. Calls wait until it is ready.
   * @param core The one core that it may use.
   */
  constructor(module: URL, core?: number) {
    const file = fileURLToPath(module)
    // taskset becomes what it runs, so that the process is the same.
    const pinned =
      core === undefined ? {} : { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath] }
    this.#process = fork(file, { ...pinned, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    running.add(this.#process)
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk))
    this.#process.on('message', (message) => this.#settle(message as Reply))
    this.#process.on('error', (error) => this.#fail(error))
    this.#process.on('exit', (code, signal) => {
      running.delete(this.#process)
      this.#fail(new Error(`${file} has ended (${signal ?? code}): ${this.errors.trim()}`))
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /**
   * Calls a function of the child.
   *
   * @throws {Error} what the function has thrown, or that the child has ended, with what it has printed.
   */
  call<N extends keyof F & string>(name: N, ...args: Parameters<F[N]>): Promise<Awaited<ReturnType<F[N]>>> {
    const call: Call = { id: ++this.#calls, name, args }
    return new Promise((resolve, reject) => {
      // The value is what the other side's function of this name has returned.
      const settled = (value: unknown) => resolve(value as Awaited<ReturnType<F[N]>>)
      this.#pending.set(call.id, { resolve: settled, reject })
      this.#process.send(call, (error) => error && reject(error))
    })
  }

  /** Ends it, and waits for its end. */
  async stop(): Promise<void> {
    if (!running.has(this.#process)) return
    const exited = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.disconnect()
    const late = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE)
    await exited
    clearTimeout(late)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
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
