/** Time over which jobs are counted, in milliseconds. */
const WINDOW = 300_000
/** Shortest time between two marks, which bounds their number. */
const STEP = 5_000

/** How many jobs a second are done. */
export class Rate {
  #count = 0
  /** Oldest first. */
  readonly #marks: { readonly time: number; readonly count: number }[] = []

  /** One more is done. */
  add(): void {
    this.#count++
  }

  /** Takes note of the time. */
  mark(now: number): void {
    const last = this.#marks.at(-1)
    if (last !== undefined && now - last.time < STEP) return
    this.#marks.push({ time: now, count: this.#count })
    while (this.#marks[1] !== undefined && now - this.#marks[1].time >= WINDOW) this.#marks.shift()
  }

  /** @returns `undefined` when none was done within the window. */
  perSecond(now: number): number | undefined {
    const [first] = this.#marks
    if (first === undefined || now <= first.time || this.#count === first.count) return undefined
    return (this.#count - first.count) / ((now - first.time) / 1_000)
  }
}
