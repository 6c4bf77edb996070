/** Time between two redraws, in milliseconds. */
const INTERVAL = 250

/** One line on a terminal that says what each backend is asked at the moment. Nothing on anything but a terminal. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #steps = new Map<string, string>()
  readonly #start = Date.now()
  #timer: NodeJS.Timeout | undefined

  /** @param stream Usually standard error. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
    if (stream.isTTY) this.#timer = setInterval(() => this.#draw(), INTERVAL)
  }

  /** @param step What the backend is asked now; `undefined` if it is done. */
  set(backend: string, step: string | undefined): void {
    if (step === undefined) this.#steps.delete(backend)
    else this.#steps.set(backend, step)
    if (this.#timer !== undefined) this.#draw()
  }

  /** Removes the line. */
  end(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stream.write('\r\u001b[K')
  }

  #draw(): void {
    const seconds = Math.round((Date.now() - this.#start) / 1_000)
    const steps = [...this.#steps].map(([backend, step]) => `${backend}: ${step}`).join(', ')
    const line = `asking ${steps} (${seconds} s; the first request may load a model)`
    this.#stream.write(`\r\u001b[K${line.slice(0, Math.max(0, this.#stream.columns - 1))}`)
  }
}
