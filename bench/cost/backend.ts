import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { offer } from '../lib/offer.ts'
import { now } from '../lib/stats.ts'
import { answerOf, type BackendName } from './jobs.ts'

let arrived = { text: 0, image: 0 }
/** When the first byte of a body came, of the first request since this was asked last. */
let first: number | null = null

/**
 * The backends, a port each: they read the body, count it, and answer a little JSON at once. On sockets rather than
 * node:http, so that they and wrk together do more on their core than any contender on its own.
 */
const functions = {
  async start(): Promise<Record<BackendName, string>> {
    return { text: await listen('text'), image: await listen('image') }
  },
  /** Requests since this was asked last. */
  arrivals(): Record<BackendName, number> {
    const counts = arrived
    arrived = { text: 0, image: 0 }
    return counts
  },
  firstByte(): number | null {
    const time = first
    first = null
    return time
  },
}

export type Backends = typeof functions

offer(functions)

async function listen(name: BackendName): Promise<string> {
  const server = net.createServer({ noDelay: true }, (socket) => serve(name, socket))
  server.listen(0, '127.0.0.1', 1024)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** As much HTTP/1 as is needed: one request after the other, each with the length of its body. */
function serve(name: BackendName, socket: Socket): void {
  /** A head that is not complete. */
  let head: Buffer = EMPTY
  let length = 0
  /** Bytes of the body that are still to come; none while a head is expected. */
  let left = 0
  let last = false

  function write(status: string, body: string): void {
    const connection = last ? 'connection: close\r\n' : ''
    const answer = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${connection}content-length: ${body.length}\r\n\r\n${body}`
    if (last) socket.end(answer, 'latin1')
    else socket.write(answer, 'latin1')
  }

  /** @returns What follows the head; nothing while it is not complete. */
  function readHead(chunk: Buffer): Buffer {
    const bytes = head.length === 0 ? chunk : Buffer.concat([head, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    head = end < 0 ? bytes : EMPTY
    if (end < 0) return EMPTY
    const text = bytes.toString('latin1', 0, end)
    last = /^\S+ \S+ HTTP\/1\.0|\nconnection: *close/i.test(text)
    length = Number(/\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
    left = length
    if (!text.startsWith('POST ')) write('200 OK', 'pong')
    else if (length === 0) write('411 Length Required', '{}')
    return bytes.subarray(end + 4)
  }

  socket.on('data', (chunk: Buffer) => {
    let rest = chunk
    while (rest.length > 0) {
      if (left === 0) rest = readHead(rest)
      if (left === 0 || rest.length === 0) continue
      if (left === length) first ??= now()
      const taken = Math.min(left, rest.length)
      left -= taken
      rest = rest.subarray(taken)
      if (left > 0) continue
      arrived[name]++
      write('200 OK', answerOf(name, length))
    }
  })
  // Clients leave when their time is over.
  socket.on('error', () => {})
}

const EMPTY = Buffer.alloc(0)
