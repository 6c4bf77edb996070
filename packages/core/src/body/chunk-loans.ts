/*
 * Frees the memory of a body's chunks before the garbage collector would.
 *
 * The invariant: memory is freed only when nothing can read it any more. What is freed too early would be sent with the bytes
 * of another request in it. Each link counts its loans (`lent`): the cursors that took bytes of it and did not give them back.
 * Memory is freed when `lent` is 0 and the link has let go of it: its bytes are on disk, or every reader has passed it and no
 * new one can start. That is safe as long as all of these hold:
 *
 * 1. node:http copies each chunk of a request's body out of its parser, and keeps no reference to the copy (`ownsChunks`).
 *    Where anything else may have a chunk, its link begins with a loan that never ends.
 * 2. A cursor that did not call `borrow()` gives nothing back: code of the user keeps what it reads.
 * 3. undici (HTTP/1.1) writes each chunk of a stream to the socket before the stream's next chunk, and keeps no other reference
 *    to it. So of the bytes that it has read, it needs at most the last `socket.writableLength`.
 * 4. `writableLength` of Node's net and TLS sockets counts a chunk until the system or OpenSSL has all of it. A socket that is
 *    destroyed sends nothing more.
 *
 * 3 and 4 are not documented. That is why undici is pinned to an exact version, and why test/chunk-loans.test.ts compares every
 * body with what the backend received: run it before moving to another undici or Node.
 */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Link } from './link.ts'

/** Bytes below which a chunk is left to the garbage collector: that costs less. */
export const WORTH_FREEING = 4 * 1024

/** Whether the chunks of a source belong to its reader alone. A mock's chunks may be its test's. */
export function ownsChunks(source: Readable): boolean {
  return source instanceof IncomingMessage && source.socket instanceof Socket
}

/** Whether a chunk may be freed after use. @param owned Whether the chunks of its source belong to its reader. */
export function mayFree(chunk: Buffer, owned: boolean, source: Readable): boolean {
  return owned && chunk.length >= WORTH_FREEING && source.listenerCount('data') === 1
}

/**
 * Gives memory back at once. The garbage collector would as well, but only once tens of megabytes have gathered, and at a fifth
 * of the CPU time of an upload. The buffer has no bytes from here on.
 */
export function free({ buffer, length }: Buffer): void {
  // A buffer that shares its memory with others must not give it away.
  if (length >= WORTH_FREEING && buffer instanceof ArrayBuffer && buffer.byteLength === length)
    buffer.transfer(0)
}

/** The chunk of a link is on disk: frees it unless something still has it. */
export function dropChunk(link: { memory: Buffer | undefined; readonly lent: number }): void {
  const { memory } = link
  link.memory = undefined
  if (memory !== undefined && link.lent === 0) free(memory)
}

/** Bytes that were taken from one link; without a link, they were read back from disk for this cursor alone. */
interface Loan {
  readonly link: Link | undefined
  readonly memory: Buffer
  bytes: number
}

/** What one cursor has taken and not given back. */
export class Loans {
  #loans: Loan[] | undefined

  /** From now on, what is taken is given back. */
  borrow(): void {
    this.#loans ??= []
  }

  /** Counts bytes that were taken. Bytes of a link that follow each other are one loan. */
  add(link: Link | undefined, memory: Buffer, bytes: number): void {
    const last = this.#loans?.at(-1)
    if (link !== undefined && last?.link === link) {
      last.bytes += bytes
      return
    }
    if (link !== undefined) link.lent++
    this.#loans?.push({ link, memory, bytes })
  }

  /**
   * Ends the loans of what is not used any more.
   *
   * @param kept Bytes still in use: those that were taken last.
   * @param onEnd Called with each link that is given back.
   */
  giveBack(kept: number, onEnd: (link: Link, memory: Buffer) => void): void {
    const loans = this.#loans
    if (loans === undefined || loans.length === 0) return
    let done = loans.length
    for (let bytes = 0; bytes < kept && done > 0; bytes += loans[done]?.bytes ?? 0) done--
    for (const { link, memory } of loans.splice(0, done)) {
      if (link === undefined) free(memory)
      else onEnd(link, memory)
    }
  }
}

/** How a reader stands that gives a link back. */
export interface Return {
  /** Whether no other reader is open, and this one will not come back to the link. */
  readonly isLast: boolean
  /** Whether new readers can start. */
  readonly isRetained: boolean
  /** Whether the link may be on its way to disk. */
  readonly isSpooled: boolean
}

/** The loans of all readers of one body. */
export class BodyLoans {
  /** Every reader has given back what it took up to here, here included. */
  #passed: Link | undefined

  /** A new reader starts in front of everything. */
  restart(): void {
    this.#passed = undefined
  }

  /** A loan of a link ends. */
  takeBack(link: Link, memory: Buffer, { isLast, isRetained, isSpooled }: Return): void {
    link.lent--
    if (isLast && !link.open) {
      if (isRetained) this.#passed = link
      else if (!isSpooled) link.memory = undefined
    }
    if (link.memory === undefined && link.lent === 0) free(memory)
  }

  /** No new reader can start: frees what was kept for one alone. @param first The first link of the body. */
  release(first: Link | undefined): void {
    const last = this.#passed
    this.#passed = undefined
    if (last === undefined) return
    for (let link = first; link !== undefined; link = link === last ? undefined : link.next) dropChunk(link)
  }
}

/** A stream that gives its chunks back. */
interface Borrower {
  lend(inUse: () => number): void
}

/** Has undici give the chunks of a body back, as far as its socket has passed them on. */
export function lendToUndici(body: Borrower, socket: Socket): void {
  body.lend(() => socket.writableLength)
}
