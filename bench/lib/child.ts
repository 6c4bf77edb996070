import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createBirpc } from 'birpc'

type Functions<F> = { [Name in keyof F]: (...args: never[]) => unknown }

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
  readonly #rpc
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
    // The advanced serialization passes errors on.
    const options = { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] } as const
    const child = fork(file, { ...pinned, ...options, stdio: [...options.stdio] })
    this.#process = child
    running.add(child)
    child.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk))
    this.#rpc = createBirpc<Record<string, (...args: unknown[]) => unknown>>(
      {},
      { timeout: -1, post: (data) => child.send(data), on: (receive) => child.on('message', receive) },
    )
    child.on('error', (error) => this.#rpc.$close(error))
    child.on('exit', (code, signal) => {
      running.delete(child)
      this.#rpc.$close(new Error(`${file} has ended (${signal ?? code}): ${this.errors.trim()}`))
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
    // The value is what the other side's function of this name has returned.
    return this.#rpc.$call(name, ...args) as Promise<Awaited<ReturnType<F[N]>>>
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
}
