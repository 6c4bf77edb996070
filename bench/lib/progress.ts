import type { WriteStream } from 'node:tty'

/** How far a run is, in one line that is written over; where there is no terminal, in a line now and then. */
export class Progress {
  readonly #total: number
  readonly #stream: WriteStream
  readonly #began = performance.now()
  #done = 0
  #current = 0
  #lastLine = Number.NEGATIVE_INFINITY

  /** @param total How long the whole run takes, in seconds, as far as is known. */
  constructor(total: number, stream: WriteStream = process.stderr) {
    this.#total = total
    this.#stream = stream
  }

  /**
   * The next step begins, and the one before is over.
   *
   * @param seconds How long it takes, of the total.
   */
  step(what: string, seconds: number): void {
    this.#done += this.#current
    this.#current = seconds
    const share = Math.min(1, this.#done / this.#total)
    const elapsed = (performance.now() - this.#began) / 1000
    // Until something has been measured, the plan's own word is taken.
    const left = share > 0.02 ? (elapsed * (1 - share)) / share : this.#total - elapsed
    this.#write(`${String(Math.round(share * 100)).padStart(3)} %, ${duration(left)} left: ${what}`)
  }

  /** The line is wiped out. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K')
  }

  #write(line: string): void {
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001b[K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`)
      return
    }
    const now = performance.now()
    if (now - this.#lastLine < QUIET) return
    this.#lastLine = now
    this.#stream.write(`${line}\n`)
  }
}

/** Time between two lines where they are not written over. */
const QUIET = 10_000

function duration(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds))
  return rounded < 100 ? `${rounded} s` : `${Math.round(rounded / 60)} min`
}
