import { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'

/** What a cursor finds at its place. */
export type Taken = Buffer | 'wait' | 'end'

/** What a cursor asks of its body. */
interface Source<Link> {
  next(link: Link): Link | 'wait' | 'end'
  /** Brings back what is no longer in memory. */
  load(link: Link): Promise<Buffer>
  wake(): void
  close(): void
}

/** A place in a body. */
export class BodyCursor<Link extends { readonly chunk: Buffer | undefined }> {
  #link: Link | undefined
  readonly #source: Source<Link>
  #loading: 'loading' | Buffer | Error | undefined

  constructor(link: Link, source: Source<Link>) {
    this.#link = link
    this.#source = source
  }

  /**
   * The next chunk, and moves on behind it.
   *
   * @throws the failure of the body, once every byte before it is taken.
   */
  take(): Taken {
    const loaded = this.#loading
    if (loaded === 'loading') return 'wait'
    if (loaded instanceof Error) throw loaded
    if (loaded !== undefined) {
      this.#loading = undefined
      return loaded
    }
    if (this.#link === undefined) return 'end'
    const next = this.#source.next(this.#link)
    if (typeof next === 'string') return next
    this.#link = next
    if (next.chunk !== undefined) return next.chunk
    this.#load(next)
    return 'wait'
  }

  /** Lets go of the chunks that were retained for this cursor. */
  close(): void {
    if (this.#link !== undefined) this.#source.close()
    this.#link = undefined
  }

  #load(link: Link): void {
    this.#loading = 'loading'
    const done = (result: Buffer | Error) => {
      this.#loading = result
      if (this.#link !== undefined) this.#source.wake()
    }
    this.#source.load(link).then(done, done)
  }
}

/** A stream of a replayable body. */
export class ReplayReader extends Readable {
  readonly #cursor: Pick<BodyCursor<{ chunk: Buffer | undefined }>, 'take' | 'close'>
  readonly #clock: Pick<Clock, 'now'>
  #wanted = false
  #starvingSince: number | undefined
  #starvedFor = 0

  constructor(
    cursor: Pick<BodyCursor<{ chunk: Buffer | undefined }>, 'take' | 'close'>,
    clock: Pick<Clock, 'now'>,
  ) {
    super()
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

  /** Whether its reader wants more than has arrived: then it is the sender that is slow, and not the reader. */
  get starving(): boolean {
    return this.#wanted
  }

  /** How long its reader has waited in all for what had not arrived, in milliseconds. */
  get starvedFor(): number {
    return this.#starvedFor
  }

  /** Gives on what has arrived, as long as it is wanted. */
  wake(): void {
    while (this.#wanted && !this.destroyed) {
      try {
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
