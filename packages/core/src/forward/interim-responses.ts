import type { Socket } from 'node:net'

/** An interim response (RFC 9110 section 15.2); 101 is none, since another protocol follows it. */
const INTERIM = /^HTTP\/1\.\d 1(?!01)\d\d/
/** The bytes that are compared; completes the part that has not arrived yet. */
const START = 'HTTP/1.1 100'
/** Offset of the first digit of the status. */
const CLASS = 'HTTP/1.1 '.length
const ONE = 0x31
const END = '\r\n\r\n'
const NOTHING = Buffer.alloc(0)
/** Most bytes of interim responses before one final response. */
const MOST = 64 * 1024

/**
 * Removes interim responses from a connection: a server may send them unasked and a client must ignore them (RFC 9110
 * section 15.2), but undici fails the request on an unasked 100. Only bytes before the head of a final response are read.
 */
export class InterimResponses {
  readonly #socket: Socket
  /** Whether the head of a final response has not arrived yet. Must be set when the next bytes answer another request. */
  awaiting = true
  /** Whether the next bytes belong to an interim response, up to its empty line. */
  #inside = false
  /** The last bytes that arrived, if more are needed to decide. */
  #kept: Buffer = NOTHING
  #dropped = 0

  constructor(socket: Socket) {
    this.#socket = socket
    const read = socket.read.bind(socket)
    socket.read = (size?: number) => {
      for (;;) {
        const chunk: Buffer | null = read(size)
        if (chunk === null || !this.awaiting) return chunk
        const isBegun = this.#inside || this.#kept.length > 0
        // The digit that tells an interim response: nearly every answer begins with its final one.
        if (!isBegun && chunk.length > CLASS && chunk[CLASS] !== ONE) {
          this.awaiting = false
          this.#dropped = 0
          return chunk
        }
        const rest = this.#without(chunk)
        if (rest.length > 0) return rest
      }
    }
  }

  #without(chunk: Buffer): Buffer {
    let bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    this.#kept = NOTHING
    for (;;) {
      if (this.#inside) {
        const end = bytes.indexOf(END)
        this.#drop(end === -1 ? chunk.length : end)
        if (end === -1) return this.#keep(bytes.subarray(1 - END.length))
        this.#inside = false
        bytes = bytes.subarray(end + END.length)
      }
      const start = bytes.toString('latin1', 0, START.length)
      if (!INTERIM.test(start + START.slice(start.length))) {
        this.awaiting = false
        this.#dropped = 0
        return bytes
      }
      if (start.length < START.length) return this.#keep(bytes)
      this.#inside = true
    }
  }

  #keep(bytes: Buffer): Buffer {
    this.#kept = bytes
    return NOTHING
  }

  #drop(size: number): void {
    this.#dropped += size
    if (this.#dropped <= MOST) return
    this.#socket.destroy(
      new Error(`the backend sent more than ${MOST / 1024} KiB of interim responses (1xx)`),
    )
  }
}
