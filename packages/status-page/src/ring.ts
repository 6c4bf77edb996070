/** The last `size` items. */
export class Ring<T> {
  readonly #size: number
  readonly #items: T[] = []
  #count = 0

  constructor(size: number) {
    this.#size = size
  }

  add(item: T): void {
    this.#items[this.#count % this.#size] = item
    this.#count++
  }

  /** Oldest first. */
  get items(): readonly T[] {
    const oldest = this.#count % this.#size
    return this.#count <= this.#size
      ? this.#items
      : [...this.#items.slice(oldest), ...this.#items.slice(0, oldest)]
  }
}
