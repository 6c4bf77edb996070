import { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { SpoolError } from '../errors.ts'
import { Loans } from './chunk-loans.ts'
import type { Link } from './link.ts'

/** The next chunk, or why there is none. */
export type Taken = Buffer | 'wait' | 'end'

/** The part of a body that a cursor uses. */
interface LinkSource {
  /** The link with the bytes after the first `taken` of this one: itself if it has grown. */
  next(link: Link, taken: number): Link | 'wait' | 'end'
  /** Reads bytes of a link from disk. @param from Offset in the link. */
  load(link: Link, from: number): Promise<Buffer>
  wake(): void
  /** The cursor has moved past bytes. */
  moved(): void
  close(): void
}

/** A position in a body. */
export class BodyCursor {
  #link: Link | undefined
  /** Bytes of the link taken so far; an open link may have grown since. */
  #taken: number
  readonly #source: LinkSource
  #loading: 'loading' | Buffer | Error | undefined
  readonly #loans = new Loans()

  constructor(link: Link, source: LinkSource) {
    this.#link = link
    this.#taken = link.size
    this.#source = source
  }

  /**
   * Returns the next chunk and moves past it.
   *
   * @throws the failure of the body, after all bytes that arrived before it.
   */
  take(): Taken {
    const loaded = this.#loading
    if (loaded === 'loading') return 'wait'
    if (loaded instanceof Error) throw loaded
    if (loaded !== undefined) {
      this.#loading = undefined
      this.#loans.add(undefined, loaded, loaded.length)
      return loaded
    }
    if (this.#link === undefined) return 'end'
    const next = this.#source.next(this.#link, this.#taken)
    if (typeof next === 'string') return next
    const from = next === this.#link ? this.#taken : 0
    this.#link = next
    this.#taken = next.size
    const { memory } = next
    const bytes = next.from(from)
    if (memory === undefined || bytes === undefined) this.#load(next, from)
    else this.#loans.add(next, memory, bytes.length)
    this.#source.moved()
    return bytes ?? 'wait'
  }

  /** The link whose bytes it took last; `undefined` once it is closed. */
  get link(): Link | undefined {
    return this.#link
  }

  /** Bytes that it took of its link. */
  get taken(): number {
    return this.#taken
  }

  /** Declares that the user releases what it takes. By default, the user may keep it for good. */
  borrow(): void {
    this.#loans.borrow()
  }

  /**
   * Releases taken chunks: nothing uses their memory any more.
   *
   * @param inUse Bytes still in use: the last ones taken.
   */
  release(inUse = 0): void {
    this.#loans.release(inUse)
  }

  /** Closes the cursor. Chunks it took can still be released. */
  close(): void {
    if (this.#link !== undefined) this.#source.close()
    this.#link = undefined
  }

  #load(link: Link, from: number): void {
    this.#loading = 'loading'
    const done = (result: Buffer | Error) => {
      this.#loading = result
      if (this.#link !== undefined) this.#source.wake()
    }
    this.#source.load(link, from).then(done, (error: unknown) => done(new SpoolError(error)))
  }
}

/** A stream of a replayable body. */
export class ReplayReader extends Readable {
  readonly #cursor: BodyCursor
  readonly #clock: Pick<Clock, 'now'>
  #inUse: (() => number) | undefined
  #wanted = false
  #starvingSince: number | undefined
  #starvedFor = 0

  constructor(cursor: BodyCursor, clock: Pick<Clock, 'now'>) {
    // At most one chunk: small chunks must gather in the body, which joins them.
    super({ highWaterMark: 1 })
    this.#cursor = cursor
    this.#clock = clock
  }

  override _read(): void {
    this.#wanted = true
    this.wake()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#cursor.close()
    callback(error)
  }

  /**
   * Frees chunks early, for a user that does not keep what it reads.
   *
   * @param inUse Returns how many of the last bytes read are still in use.
   */
  lend(inUse: () => number): void {
    this.#inUse = inUse
    this.#cursor.borrow()
  }

  /** Releases the chunks that are no longer in use. */
  release(): void {
    if (this.#inUse !== undefined) this.#cursor.release(this.readableLength + this.#inUse())
  }

  /** Whether the reader waits for the sender. */
  get starving(): boolean {
    return this.#wanted
  }

  /** Total time the reader waited for the sender, in milliseconds. */
  get starvedFor(): number {
    return this.#starvedFor
  }

  /** Pushes what has arrived, as long as the reader asks for it. */
  wake(): void {
    while (this.#wanted && !this.destroyed) {
      try {
        this.release()
        const taken = this.#cursor.take()
        if (taken === 'wait') {
          this.#starvingSince ??= this.#clock.now()
          return
        }
        if (this.#starvingSince !== undefined) this.#starvedFor += this.#clock.now() - this.#starvingSince
        this.#starvingSince = undefined
        this.#wanted = taken !== 'end' && this.push(taken)
        if (taken === 'end') this.push(null)
      } catch (error) {
        this.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    }
  }
}
