/**
 * The bytes that a parser still needs: appended at the end, discarded at the front.
 *
 * The first chunk is not copied. Later chunks are copied into a buffer that doubles, so a body that arrives byte by byte takes
 * at most twice its size.
 */
export class ByteWindow {
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  #writable = false
  /** Bytes that were discarded. */
  discarded = 0

  get length(): number {
    return this.#end - this.#start
  }

  /** A view of the bytes, valid until the next `append`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end)
  }

  append(chunk: Buffer): void {
    if (this.length === 0) {
      this.#buffer = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#writable = false
      return
    }
    if (!this.#writable || this.#end + chunk.length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(2 * (this.length + chunk.length), 1024))
      this.#buffer.copy(grown, 0, this.#start, this.#end)
      this.#end = this.length
      this.#start = 0
      this.#buffer = grown
      this.#writable = true
    }
    chunk.copy(this.#buffer, this.#end)
    this.#end += chunk.length
  }

  discard(count: number): void {
    this.#start += count
    this.discarded += count
  }
}
