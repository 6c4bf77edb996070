import type { Writable } from 'node:stream'
import type { DestinationStream } from 'pino'

/** The part of a writable stream that is used. */
export interface Output extends Pick<Writable, 'writableLength'> {
  on(event: 'error', listener: () => void): unknown
  write(line: string, done: (error?: Error | null) => void): unknown
}

export interface LogOutputOptions {
  /**
   * Bytes that may be buffered for the reader. Further lines are dropped.
   * @default 1 MiB
   */
  readonly limit?: number | undefined
}

const LIMIT = 1_048_576

/**
 * Writes log lines without ever blocking or failing. If the buffer is full or a write fails, the line is dropped and
 * counted.
 */
export class LogOutput implements DestinationStream {
  readonly #stream: Output
  readonly #limit: number
  #dropped = 0
  #pending = 0
  #onDropped: (count: number) => void = () => {}
  #onFlushed: () => void = () => {}

  constructor(stream: Output, { limit = LIMIT }: LogOutputOptions = {}) {
    this.#stream = stream
    this.#limit = limit
    // Without a listener, a closed pipe or terminal would end the process.
    stream.on('error', () => {})
  }

  /** @param listener Called with the number of dropped lines, once lines can be written again. */
  whenDropped(listener: (count: number) => void): void {
    this.#onDropped = listener
  }

  write(line: string): void {
    if (this.#stream.writableLength + line.length > this.#limit) {
      this.#dropped++
      return
    }
    this.#pending++
    this.#stream.write(line, (error) => this.#written(error))
  }

  /** Waits until every line is written or has failed. @returns False if that takes longer than `timeout` ms. */
  async flush(timeout: number): Promise<boolean> {
    if (this.#pending === 0) return true
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onFlushed = resolve
    const timer = setTimeout(resolve, timeout)
    await promise
    clearTimeout(timer)
    return this.#pending === 0
  }

  #written(error: Error | null | undefined): void {
    this.#pending--
    if (error) this.#dropped++
    else if (this.#dropped > 0 && this.#stream.writableLength <= this.#limit / 2) {
      const count = this.#dropped
      this.#dropped = 0
      this.#onDropped(count)
    }
    if (this.#pending === 0) this.#onFlushed()
  }
}

let standard: LogOutput | undefined

/** The log output of this process: standard output. */
export function standardOutput(): LogOutput {
  if (standard !== undefined) return standard
  for (const stream of [process.stdout, process.stderr]) unblock(stream)
  // Frameworks print their errors to stderr.
  process.stderr.on('error', () => {})
  standard = new LogOutput(process.stdout)
  return standard
}

/** Node blocks on writes to a terminal, so Ctrl+S in the terminal would stop the process. */
function unblock(stream: NodeJS.WriteStream): void {
  if (!stream.isTTY) return
  const handle: unknown = Reflect.get(stream, '_handle')
  if (typeof handle !== 'object' || handle === null) return
  const setBlocking: unknown = Reflect.get(handle, 'setBlocking')
  if (typeof setBlocking === 'function') Reflect.apply(setBlocking, handle, [false])
}
