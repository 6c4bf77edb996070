import { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { free } from './free.ts'
import type { Link } from './retention.ts'

/** What a cursor finds at its place. */
export type Taken = Buffer | 'wait' | 'end'

/** What a cursor asks of its body. */
interface Source {
  next(link: Link): Link | 'wait' | 'end'
  /** Brings back what is no longer in memory. */
  load(link: Link): Promise<Buffer>
  wake(): void
  /**
   * A chunk was given back.
   *
   * @param isOpen Whether by a cursor that goes on.
   */
  takeBack(link: Link, chunk: Buffer, isOpen: boolean): void
  close(): void
}

/** A chunk that was taken, and the link that it is of; none when it was read back from disk for this cursor alone. */
interface Loan {
  readonly chunk: Buffer
  readonly link: Link | undefined
}

/** A place in a body. */
export class BodyCursor {
  #link: Link | undefined
  readonly #source: Source
  #loading: 'loading' | Buffer | Error | undefined
  #loans: Loan[] | undefined

  constructor(link: Link, source: Source) {
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
      return this.#lend(loaded, undefined)
    }
    if (this.#link === undefined) return 'end'
    const next = this.#source.next(this.#link)
    if (typeof next === 'string') return next
    this.#link = next
    if (next.chunk !== undefined) return this.#lend(next.chunk, next)
    this.#load(next)
    return 'wait'
  }

  /** From now on, whoever takes will give back. What others take is theirs for good. */
  borrow(): void {
    this.#loans ??= []
  }

  /**
   * Gives back what was taken: nobody uses it any more, nor anything that shares its memory.
   *
   * @param kept But for so many bytes, which were taken last.
   */
  giveBack(kept = 0): void {
    const loans = this.#loans ?? []
    let done = loans.length
    for (let bytes = 0; bytes < kept && done > 0; bytes += loans[done]?.chunk.length ?? 0) done--
    for (const { chunk, link } of loans.splice(0, done)) {
      if (link === undefined) free(chunk)
      else this.#source.takeBack(link, chunk, this.#link !== undefined)
    }
  }

  /** Lets go of the chunks that were retained for this cursor; what it has taken may still be given back. */
  close(): void {
    if (this.#link !== undefined) this.#source.close()
    this.#link = undefined
  }

  #lend(chunk: Buffer, link: Link | undefined): Buffer {
    if (link !== undefined) link.lent++
    this.#loans?.push({ chunk, link })
    return chunk
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
  readonly #cursor: BodyCursor
  readonly #clock: Pick<Clock, 'now'>
  #inUse: (() => number) | undefined
  #wanted = false
  #starvingSince: number | undefined
  #starvedFor = 0

  constructor(cursor: BodyCursor, clock: Pick<Clock, 'now'>) {
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

  /**
   * For a reader that keeps nothing of what it reads, so that its memory can be freed before it is collected.
   *
   * @param inUse How many bytes it still uses of what it has read; those that it has read last.
   */
  lend(inUse: () => number): void {
    this.#inUse = inUse
    this.#cursor.borrow()
  }

  /** Gives back what its reader is done with. */
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
