import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { now } from '../lib/clock.ts'
import { offer } from '../lib/offer.ts'
import { answerOf, type BackendName } from './jobs.ts'

/** What has arrived at a backend. */
export interface Arrivals {
  readonly requests: number
  /** Bytes of all bodies. */
  readonly bytes: number
}

const NAMES: readonly BackendName[] = ['text', 'image']

/**
 * The backends, a port each: they read the body, count it, and answer a little JSON at once. On sockets rather than
 * node:http, so that they and wrk together do more on their core than any contender on its own.
 */
const functions = {
  async start(): Promise<Record<BackendName, string>> {
    const [text = '', image = ''] = await Promise.all(NAMES.map(listen))
    return { text, image }
  },
  /** What has arrived since it was asked last. */
  arrivals(): Record<BackendName, Arrivals> {
    const { text, image } = arrived
    arrived = { text: { requests: 0, bytes: 0 }, image: { requests: 0, bytes: 0 } }
    return { text, image }
  },
  /** When the first byte of each body has come, of the last few since it was asked last. */
  firstBytes: (): number[] => firstBytes.splice(0),
}

export type Backends = typeof functions

/** First bytes that are remembered. */
const REMEMBERED = 100

let arrived = { text: { requests: 0, bytes: 0 }, image: { requests: 0, bytes: 0 } }
const firstBytes: number[] = []

offer(functions)

async function listen(name: BackendName): Promise<string> {
  const server = net.createServer({ noDelay: true }, (socket) => new Connection(name, socket))
  server.listen(0, '127.0.0.1', 1024)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** HTTP/1, as far as it is needed: one request after the other, each with the length of its body. */
class Connection {
  readonly #name: BackendName
  readonly #socket: Socket
  /** A head that is not complete. */
  #head: Buffer = EMPTY
  #length = 0
  /** Bytes of the body that are still to come; none while a head is expected. */
  #left = 0
  #last = false

  constructor(name: BackendName, socket: Socket) {
    this.#name = name
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    // Clients leave when their time is over.
    socket.on('error', () => {})
  }

  #read(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left === 0) {
        const body = this.#readHead(rest)
        if (body === undefined) return
        rest = body
        if (this.#left === 0 || rest.length === 0) continue
      }
      if (this.#left === this.#length) remember(now())
      const taken = Math.min(this.#left, rest.length)
      this.#left -= taken
      rest = rest.subarray(taken)
      if (this.#left === 0) this.#answer()
    }
  }

  /** @returns What follows the head; `undefined` while that is not complete. */
  #readHead(chunk: Buffer): Buffer | undefined {
    const bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) {
      this.#head = bytes
      return undefined
    }
    this.#head = EMPTY
    const head = bytes.toString('latin1', 0, end)
    this.#last = /^\S+ \S+ HTTP\/1\.0|\nconnection: *close/i.test(head)
    if (head.startsWith('POST ')) {
      const length = /\ncontent-length: *(\d+)/i.exec(head)?.[1]
      this.#length = Number(length)
      this.#left = this.#length
      if (!(this.#length > 0)) this.#write('411 Length Required', '{}')
    } else this.#write('200 OK', 'pong')
    return bytes.subarray(end + 4)
  }

  #answer(): void {
    const arrivals = arrived[this.#name]
    arrivals.requests++
    arrivals.bytes += this.#length
    this.#write('200 OK', answerOf(this.#name, this.#length))
  }

  #write(status: string, body: string): void {
    const connection = this.#last ? 'connection: close\r\n' : ''
    const answer = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${connection}content-length: ${body.length}\r\n\r\n${body}`
    if (this.#last) this.#socket.end(answer, 'latin1')
    else this.#socket.write(answer, 'latin1')
  }
}

const EMPTY = Buffer.alloc(0)

function remember(time: number): void {
  firstBytes.push(time)
  if (firstBytes.length > REMEMBERED) firstBytes.shift()
}
