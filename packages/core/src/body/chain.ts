import { WORTH_FREEING } from './free-memory.ts'
import { Link } from './link.ts'

/** Accounts for the links of a chain. */
export interface ChainWatch {
  /** A link was added, with its first bytes. */
  add(link: Link): void
  /** The last link grew. */
  grow(link: Link, bytes: number): void
  /** The last link no longer grows. */
  seal(link: Link): void
}

/** Sizes of blocks in bytes. */
const SMALLEST_BLOCK = 1024
const LARGEST_BLOCK = 64 * 1024

/**
 * The links of a body, in order. A link costs some hundred bytes, so consecutive small chunks share blocks. Each block is twice as
 * large as the one before, so at most half of the memory is unused.
 */
export class Chain {
  #tail = Link.head()
  /** Capacity of the last link if it is a block, else 0. */
  #block = 0

  /** The last link, or the position before the first byte. */
  get tail(): Link {
    return this.#tail
  }

  /**
   * @param chunk Not empty.
   * @param isOurs Whether its memory may be freed.
   */
  append(chunk: Buffer, isOurs: boolean, watch: ChainWatch | undefined): void {
    const tail = this.#tail
    const joins = chunk.length < WORTH_FREEING && (this.#block > 0 || isSmall(tail.size))
    if (!joins) {
      this.#push(Link.of(chunk, isOurs), watch)
      this.#block = 0
      return
    }
    let at = 0
    if (tail.room > 0) {
      at = tail.grow(chunk, 0)
      watch?.grow(tail, at)
    }
    while (at < chunk.length) {
      this.#block = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, 2 * this.#block))
      const block = Link.block(this.#block)
      at += block.grow(chunk, at)
      this.#push(block, watch)
    }
  }

  /** Ends the growth of the last link. */
  seal(watch: ChainWatch | undefined): void {
    const tail = this.#tail
    if (!tail.open) return
    tail.seal()
    watch?.seal(tail)
  }

  #push(link: Link, watch: ChainWatch | undefined): void {
    this.seal(watch)
    this.#tail.append(link)
    this.#tail = link
    watch?.add(link)
  }
}

function isSmall(size: number): boolean {
  return size > 0 && size < WORTH_FREEING
}
