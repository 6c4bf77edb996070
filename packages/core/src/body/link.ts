import { CHUNK_COST } from './body-store.ts'
import { free } from './free-memory.ts'

/** Memory in bytes of a link whose chunk is on disk. */
const COST_ON_DISK = 128

/**
 * A piece of a body, with a reference to the next piece but not to earlier ones. An open link grows at its end, so a cursor may
 * have read a part of it. Only the methods of this class write its fields. It is a class because V8 may treat object literals,
 * and everything they refer to, as long-lived (docs/decisions/0013).
 */
export class Link {
  /** Memory with the bytes at its start; `undefined` once they are on disk or released. */
  memory: Buffer | undefined
  size: number
  /** Whether it may still grow. */
  open: boolean
  /** Offset in the body's file. */
  offset = 0
  next: Link | undefined
  /** Cursors that use the memory. */
  #loans = 0

  /** @param memory Memory with `size` bytes at its start; `undefined` for the position before the first byte of a body. */
  constructor(memory: Buffer | undefined, size: number) {
    this.memory = memory
    this.size = size
    this.open = memory !== undefined && memory.length > size
  }

  /** Its bytes from an offset on; `undefined` if they are not in memory. */
  from(offset: number): Buffer | undefined {
    const { memory, size } = this
    return offset === 0 && memory?.length === size ? memory : memory?.subarray(offset, size)
  }

  /** Its cost in bytes besides its own bytes. */
  get overhead(): number {
    return this.memory === undefined ? COST_ON_DISK : CHUNK_COST + this.memory.length - this.size
  }

  /** Copies as much of a chunk as fits. @returns The number of bytes copied. */
  grow(chunk: Buffer, from: number): number {
    if (!this.open || this.memory === undefined) return 0
    const size = Math.min(chunk.length - from, this.memory.length - this.size)
    this.memory.set(size === chunk.length ? chunk : chunk.subarray(from, from + size), this.size)
    this.size += size
    return size
  }

  /** Ends its growth. */
  seal(): void {
    this.open = false
  }

  append(next: Link): void {
    this.next = next
  }

  /** Lends the memory to a cursor. A loan that never ends keeps it from being freed. */
  lend(): void {
    this.#loans++
  }

  /** Ends a loan. @param memory The lent memory: freed if it was dropped in the meantime and this was the last loan. */
  endLoan(memory: Buffer): void {
    this.#loans--
    if (this.memory === undefined && this.#loans === 0) free(memory)
  }

  /** Drops the memory, and frees it unless it is lent. */
  drop(): void {
    const { memory } = this
    this.memory = undefined
    if (memory !== undefined && this.#loans === 0) free(memory)
  }

  /** Drops the memory: the bytes are on disk. */
  moveToDisk(offset: number): void {
    this.offset = offset
    this.drop()
  }
}
