import { WORTH_FREEING } from './chunk-loans.ts'
import { Link } from './link.ts'

/** What accounts for the links of a chain. */
export interface ChainWatch {
  /** A new link, with its first bytes. */
  add(link: Link): void
  /** The last link has so many more bytes. */
  grow(link: Link, bytes: number): void
  /** The last link will not grow any more. */
  seal(link: Link): void
}

/** In bytes. */
const SMALLEST_BLOCK = 1024
const LARGEST_BLOCK = 64 * 1024

/**
 * The links of a body, in their order. A link costs some hundred bytes whatever its size, so small chunks that follow each
 * other share blocks. Each block is twice as large as the one before, so at most half of their memory is unused.
 */
export class Chain {
  #tail = Link.head()
  /** Bytes that the last link can hold, if it is a block. */
  #block = 0

  /** The last link; at first, the place in front of all. */
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

  /** The last link does not grow any more. */
  seal(watch: ChainWatch | undefined): void {
    const tail = this.#tail
    if (!tail.open) return
    tail.open = false
    watch?.seal(tail)
  }

  #push(link: Link, watch: ChainWatch | undefined): void {
    this.seal(watch)
    this.#tail.next = link
    this.#tail = link
    watch?.add(link)
  }
}

function isSmall(size: number): boolean {
  return size > 0 && size < WORTH_FREEING
}
