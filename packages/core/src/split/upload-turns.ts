/**
 * Lets uploads in, in the order of their arrival, as long as they fit into memory together. Others wait: uploads of which only a part
 * fits would wait for each other.
 */
export class UploadTurns {
  #bytes = 0
  #last: Promise<unknown> = Promise.resolve()
  #wake = () => {}

  /**
   * Waits for room.
   *
   * @param bytes Size of the upload.
   * @param most Bytes that fit together; a larger upload is let in alone.
   * @returns Must be called when the upload is no longer in memory.
   */
  enter(bytes: number, most: number): Promise<() => void> {
    const entered = this.#last.then(() => this.#enter(bytes, most))
    this.#last = entered
    return entered
  }

  async #enter(bytes: number, most: number): Promise<() => void> {
    while (this.#bytes > 0 && this.#bytes + bytes > most) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    this.#bytes += bytes
    return () => {
      this.#bytes -= bytes
      this.#wake()
    }
  }
}
