import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { BodyStore } from '../body/body-store.ts'

/**
 * Keeps an answer until it is judged, within the memory that all bodies share. A first chunk is kept as it is; all that follows is
 * copied behind it, so an answer costs at most twice its bytes, however it is cut.
 */
export class AnswerBuffer {
  readonly #store: BodyStore
  readonly #limit: number
  /** Has the bytes at its start. */
  #memory: Buffer = EMPTY
  #size = 0

  /** @param limit Most bytes of one answer. */
  constructor(store: BodyStore, limit: number) {
    this.#store = store
    this.#limit = limit
  }

  /** @returns Whether there was room for it. */
  add(chunk: Buffer): boolean {
    const size = this.#size + chunk.length
    if (size > this.#limit) return false
    const capacity = this.#capacityFor(size)
    const overhead = capacity - this.#memory.length - chunk.length
    if (size <= SMALL) this.#store.overdraw(chunk.length, overhead)
    else if (!this.#store.take(chunk.length, overhead)) return false
    if (this.#size === 0) this.#memory = chunk
    else {
      if (capacity > this.#memory.length) {
        const memory = Buffer.allocUnsafeSlow(capacity)
        memory.set(this.bytes)
        this.#memory = memory
      }
      this.#memory.set(chunk, this.#size)
    }
    this.#size = size
    return true
  }

  /** All that was added, in one piece. */
  get bytes(): Buffer {
    const memory = this.#memory
    return memory.length === this.#size ? memory : memory.subarray(0, this.#size)
  }

  /** Ends the use of its memory. */
  release(): void {
    this.#store.release(this.#size, this.#memory.length - this.#size)
    this.#size = 0
    this.#memory = EMPTY
  }

  #capacityFor(size: number): number {
    const { length } = this.#memory
    if (this.#size === 0) return size
    return size <= length ? length : Math.min(this.#limit, Math.max(size, 2 * length))
  }
}

/** So many bytes of an answer always have room: those of searches, and of errors that belong to their job. */
const SMALL = 64 * 1024
const EMPTY = Buffer.alloc(0)
const OPEN_BRACE = 0x7b
/** What is no JSON. */
const DAMAGED = Buffer.from('?')

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
])

/**
 * A whole answer without its content coding.
 *
 * @param limit Most bytes of the result.
 * @returns `undefined` when it is larger, or the coding is not known; nothing of use when it is damaged.
 */
export function decoded(bytes: Buffer, coding: string, limit: number): Buffer | undefined {
  const decode = DECODERS.get(coding.trim().toLowerCase())
  // What looks like JSON has no coding, whatever its name.
  if (decode === undefined && bytes[0] === OPEN_BRACE) return bytes
  try {
    return decode?.(bytes, { maxOutputLength: limit })
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'ERR_BUFFER_TOO_LARGE' ? undefined : DAMAGED
  }
}
