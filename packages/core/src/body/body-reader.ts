import { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { Loans } from './chunk-loans.ts'
import type { Link } from './link.ts'

/** What a cursor finds at its place. */
export type Taken = Buffer | 'wait' | 'end'

/** What a cursor asks of its body. */
interface Source {
  /** The link with the bytes behind the first `taken` of this one: itself when it has grown. */
  next(link: Link, taken: number): Link | 'wait' | 'end'
  /** Reads back what is not in memory any more. @param from How many bytes of the link to skip. */
  load(link: Link, from: number): Promise<Buffer>
  wake(): void
  /**
   * A loan ended.
   *
   * @param reader How the cursor stands that gave the link back: still reading it, past it, or closed.
   */
  takeBack(link: Link, memory: Buffer, reader: 'in' | 'past' | 'closed'): void
  close(): void
}

/** A place in a body. */
export class BodyCursor {
  #link: Link | undefined
  /** Bytes of the link that were taken: an open one may have more by now. */
  #taken: number
  readonly #source: Source
  #loading: 'loading' | Buffer | Error | undefined
  readonly #loans = new Loans()

  constructor(link: Link, source: Source) {
    this.#link = link
    this.#taken = link.size
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
    if (memory !== undefined && bytes !== undefined) {
      this.#loans.add(next, memory, bytes.length)
      return bytes
    }
    this.#load(next, from)
    return 'wait'
  }

  /** From now on, this cursor's user gives back what it takes. Without this, it keeps what it takes for good. */
  borrow(): void {
    this.#loans.borrow()
  }

  /**
   * Gives back what was taken: nothing uses it any more, nor anything that shares its memory.
   *
   * @param kept Bytes still in use: those that were taken last.
   */
  giveBack(kept = 0): void {
    this.#loans.giveBack(kept, (link, memory) => this.#source.takeBack(link, memory, this.#standingAt(link)))
  }

  /** Releases the chunks that were retained for this cursor; what it has taken may still be given back. */
  close(): void {
    if (this.#link !== undefined) this.#source.close()
    this.#link = undefined
  }

  #standingAt(link: Link): 'in' | 'past' | 'closed' {
    if (this.#link === undefined) return 'closed'
    return this.#link === link && this.#taken < link.size ? 'in' : 'past'
  }

  #load(link: Link, from: number): void {
    this.#loading = 'loading'
    const done = (result: Buffer | Error) => {
      this.#loading = result
      if (this.#link !== undefined) this.#source.wake()
    }
    this.#source.load(link, from).then(done, done)
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
    // One chunk at most: what arrives in small ones must gather in the body, which joins them.
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
   * For a user that keeps nothing of what it reads, so its memory can be freed early.
   *
   * @param inUse How many of the bytes it has read it still uses: the last ones.
   */
  lend(inUse: () => number): void {
    this.#inUse = inUse
    this.#cursor.borrow()
  }

  /** Gives back what its user is done with. */
  giveBack(): void {
    if (this.#inUse !== undefined) this.#cursor.giveBack(this.readableLength + this.#inUse())
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
        this.giveBack()
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
