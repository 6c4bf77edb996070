/*
 * Frees the memory of a body's chunks before the garbage collector would.
 *
 * The invariant: memory is freed only when nothing can read it any more. Memory freed too early would be sent with the bytes of
 * another request. Each link counts its loans: the cursors that took bytes of it and did not release them. Memory is freed when
 * there are no loans and the link has dropped it: its bytes are on disk, or every reader has passed it and no new reader can
 * start. That is safe as long as all of these hold:
 *
 * 1. node:http copies each chunk of a request's body out of its parser, and keeps no reference to the copy (`ownsChunks`).
 *    If anything else may use a chunk, its link starts with a loan that never ends.
 * 2. A cursor that did not call `borrow()` releases nothing: user code keeps what it reads.
 * 3. undici (HTTP/1.1) writes each chunk of a stream to the socket before the stream's next chunk, and keeps no other reference
 *    to it. So it needs at most the last `socket.writableLength` of the bytes it has read.
 * 4. `writableLength` of Node's net and TLS sockets counts a chunk until the system or OpenSSL has all of it. A destroyed socket
 *    sends nothing.
 *
 * 3 and 4 are not documented. That is why undici is pinned to an exact version, and why test/chunk-loans.test.ts compares every
 * body with the bytes the backend received. Run it before updating undici or Node.
 */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { free, WORTH_FREEING } from './free-memory.ts'
import type { Link } from './link.ts'

/** Whether nothing but the reader uses the chunks of a source. A test may still use the chunks of a mock. */
export function ownsChunks(source: Readable): boolean {
  return source instanceof IncomingMessage && source.socket instanceof Socket
}

/** Whether a chunk may be freed after use. @param owned The result of {@link ownsChunks}. */
export function mayFree(chunk: Buffer, owned: boolean, source: Readable): boolean {
  return owned && chunk.length >= WORTH_FREEING && source.listenerCount('data') === 1
}

/** Bytes taken from one link. Without a link, they were read from disk for this cursor. */
interface Loan {
  readonly link: Link | undefined
  readonly memory: Buffer
  bytes: number
}

/** The bytes that one cursor took and did not release. */
export class Loans {
  #loans: Loan[] | undefined

  /** Starts to count: the cursor's user releases what it takes. */
  borrow(): void {
    this.#loans ??= []
  }

  /** Counts taken bytes. Consecutive bytes of a link are one loan. */
  add(link: Link | undefined, memory: Buffer, bytes: number): void {
    const last = this.#loans?.at(-1)
    if (link !== undefined && last?.link === link) {
      last.bytes += bytes
      return
    }
    if (link !== undefined) link.lend()
    this.#loans?.push({ link, memory, bytes })
  }

  /**
   * Ends loans.
   *
   * @param inUse Bytes still in use: the last ones taken.
   */
  release(inUse: number): void {
    const loans = this.#loans
    if (loans === undefined || loans.length === 0) return
    let done = loans.length
    for (let bytes = 0; bytes < inUse && done > 0; bytes += loans[done]?.bytes ?? 0) done--
    for (const { link, memory } of loans.splice(0, done)) {
      if (link === undefined) free(memory)
      else link.endLoan(memory)
    }
  }
}

/** A stream that releases its chunks. */
interface Borrower {
  lend(inUse: () => number): void
}

/** Releases the chunks of a body once undici's socket has written them. */
export function lendToUndici(body: Borrower, socket: Socket): void {
  body.lend(() => socket.writableLength)
}
