/** What a link in memory costs beside its memory: itself, its Buffer and ArrayBuffer, V8's record of their memory. */
const COST_IN_MEMORY = 512
/** What a link costs whose bytes are on disk. */
const COST_ON_DISK = 128

/**
 * A piece of a body and, once it has arrived, the next: a link keeps what follows it, and nothing before it. An open link
 * grows at its end: a cursor may have taken a part of it. A class, since V8 may treat object literals as long-lived, and all
 * that they refer to with them (docs/decisions/0013).
 */
export class Link {
  /** Has the bytes at its start. `undefined` once they are on disk or freed. */
  memory: Buffer | undefined
  size: number
  lent: number
  /** Whether it may still grow. */
  open: boolean
  place = 0
  next: Link | undefined

  private constructor(memory: Buffer | undefined, size: number, lent: number, open: boolean) {
    this.memory = memory
    this.size = size
    this.lent = lent
    this.open = open
  }

  /** The place in front of the first byte of a body. */
  static head(): Link {
    return new Link(undefined, 0, 0, false)
  }

  /** A chunk of its own, which is not copied. @param isOurs Whether its memory may be freed. */
  static of(chunk: Buffer, isOurs: boolean): Link {
    return new Link(chunk, chunk.length, isOurs ? 0 : 1, false)
  }

  /** An empty block for small chunks. */
  static block(capacity: number): Link {
    return new Link(Buffer.allocUnsafeSlow(capacity), 0, 0, true)
  }

  get bytes(): Buffer | undefined {
    return this.from(0)
  }

  /** Its bytes behind the first so many; `undefined` when they are not in memory. */
  from(offset: number): Buffer | undefined {
    const { memory, size } = this
    return offset === 0 && memory?.length === size ? memory : memory?.subarray(offset, size)
  }

  /** Bytes by which it can grow. */
  get room(): number {
    return this.open && this.memory !== undefined ? this.memory.length - this.size : 0
  }

  /** What it costs beside its bytes. */
  get overhead(): number {
    return this.memory === undefined ? COST_ON_DISK : COST_IN_MEMORY + this.memory.length - this.size
  }

  /** Copies what there is room for. @returns How many bytes that is. */
  grow(chunk: Buffer, from: number): number {
    const size = Math.min(chunk.length - from, this.room)
    this.memory?.set(size === chunk.length ? chunk : chunk.subarray(from, from + size), this.size)
    this.size += size
    return size
  }
}
