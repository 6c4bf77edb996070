import { WORTH_FREEING } from './free-memory.ts'
import { Link } from './link.ts'

/** Sizes of blocks in bytes. */
const SMALLEST_BLOCK = 1024
const LARGEST_BLOCK = 64 * 1024

/**
 * The links of a body, in order. A link costs some hundred bytes, so consecutive small chunks share blocks. Each block is twice as
 * large as the one before, so at most half of the memory is unused.
 */
export class Chain {
  #tail = new Link(undefined, 0)
  /** Capacity of the last link if it is a block, else 0. */
  #block = 0
  #size = 0
  #overhead = 0

  /** The last link, or the position before the first byte. */
  get tail(): Link {
    return this.#tail
  }

  /** Bytes of all chunks. */
  get size(): number {
    return this.#size
  }

  /** Cost of all links in memory, in bytes, besides the bytes of the chunks. */
  get overhead(): number {
    return this.#overhead
  }

  /**
   * @param chunk Not empty.
   * @param isOurs Whether its memory may be freed.
   */
  append(chunk: Buffer, isOurs: boolean): void {
    this.#size += chunk.length
    const { size } = this.#tail
    const joins = chunk.length < WORTH_FREEING && (this.#block > 0 || (size > 0 && size < WORTH_FREEING))
    if (!joins) {
      const link = new Link(chunk, chunk.length)
      if (!isOurs) link.lend()
      this.#push(link)
      this.#block = 0
      return
    }
    let at = this.#tail.grow(chunk, 0)
    this.#overhead -= at
    while (at < chunk.length) {
      this.#block = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, 2 * this.#block))
      const block = new Link(Buffer.allocUnsafeSlow(this.#block), 0)
      at += block.grow(chunk, at)
      this.#push(block)
    }
  }

  /** Ends the growth of the last link. */
  seal(): void {
    this.#tail.seal()
  }

  #push(link: Link): void {
    this.seal()
    this.#tail.append(link)
    this.#tail = link
    this.#overhead += link.overhead
  }
}
