import { Readable } from 'node:stream'
import { BodyReleasedError } from '../errors.ts'
import { type BodyStore, CHUNK_COST } from './body-store.ts'
import type { ReplayBody } from './replay-body.ts'

/** A body that arrived in one piece, as that of a search does. It stays in memory, and nothing has to wait for it. */
export class WholeBody implements ReplayBody {
  readonly size: number
  readonly complete = true
  readonly ready = true
  readonly givenUp = false
  readonly starving = false
  readonly #store: BodyStore | undefined
  #bytes: Buffer | undefined

  /** Counts the bytes in the store. @returns `undefined` if they may not be in memory. */
  static inMemory(bytes: Buffer, store: BodyStore | undefined): WholeBody | undefined {
    const isCounted =
      store === undefined || (bytes.length <= store.share && store.take(bytes.length, CHUNK_COST))
    return isCounted ? new WholeBody(bytes, store) : undefined
  }

  /** @param store Where the bytes are counted; `undefined` if the caller keeps them in memory anyway. */
  constructor(bytes: Buffer, store: BodyStore | undefined) {
    this.size = bytes.length
    this.#bytes = bytes
    this.#store = store
  }

  get retained(): boolean {
    return this.#bytes !== undefined
  }

  /** All bytes. @throws {BodyReleasedError} after {@link WholeBody.release}. */
  bytes(): Buffer {
    if (this.#bytes === undefined) throw new BodyReleasedError()
    return this.#bytes
  }

  stream(): Readable {
    return Readable.from([this.bytes()], { objectMode: false })
  }

  beginning(most: number): Buffer {
    return this.#bytes?.subarray(0, most) ?? Buffer.alloc(0)
  }

  retain(): void {}

  hold(): void {}

  release(): void {
    if (this.#bytes === undefined) return
    this.#bytes = undefined
    this.#store?.release(this.size, CHUNK_COST)
  }

  destroy(): void {
    this.release()
  }
}
