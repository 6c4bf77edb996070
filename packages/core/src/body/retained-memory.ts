/** The memory that all bodies together may be retained in. */
export class RetainedMemory {
  readonly #limit: number
  #used = 0

  /** @param limit In bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that are retained now. */
  get used(): number {
    return this.#used
  }

  /** @returns Whether there was room for so many bytes; if so, they are taken. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false
    this.#used += bytes
    return true
  }

  give(bytes: number): void {
    this.#used -= bytes
  }
}
