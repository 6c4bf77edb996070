import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { InterimResponses } from './interim-responses.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'
const FINAL = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'

/** A connection from which bytes are read as undici does: all that has arrived, piece by piece. */
function connection() {
  const socket = new Duplex({ read() {}, write() {} }) as unknown as Socket
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  const interim = new InterimResponses(socket)
  const arrives = (...pieces: readonly string[]) => {
    let text = ''
    for (const piece of pieces) {
      socket.push(piece, 'latin1')
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) text += chunk.toString('latin1')
    }
    return text
  }
  return { socket, interim, arrives, errors }
}

describe('interim responses', () => {
  it.each([
    ['none', FINAL],
    ['one', CONTINUE + FINAL],
    ['several', CONTINUE + HINTS + CONTINUE + FINAL],
    ['HTTP/1.0', 'HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n'],
  ])('%s: in one piece and byte by byte, only the final response is read', (_what, bytes) => {
    const final = bytes.slice(bytes.search(/HTTP\/1\.\d 200/))
    expect(connection().arrives(bytes)).toBe(final)
    expect(connection().arrives(...bytes)).toBe(final)
  })

  it('leaves a switch of protocols and what is no HTTP alone', () => {
    for (const bytes of ['HTTP/1.1 101 Switching Protocols\r\n\r\nx', 'SSH-2.0-OpenSSH_9.6\r\n'])
      expect(connection().arrives(bytes)).toBe(bytes)
  })

  it('leaves the body of a final response alone, and removes them again before the next answer', () => {
    const { interim, arrives } = connection()
    expect(arrives(FINAL, CONTINUE)).toBe(FINAL + CONTINUE)
    interim.awaiting = true
    expect(arrives(CONTINUE, FINAL)).toBe(FINAL)
  })

  it('closes the connection of a backend that sends more than 64 KiB of them, counted for each answer', async () => {
    const { socket, interim, arrives, errors } = connection()
    const half = HINTS.repeat(1_000)
    expect(arrives(half, FINAL)).toBe(FINAL)
    interim.awaiting = true
    expect(arrives(half, FINAL)).toBe(FINAL)
    expect(socket.destroyed).toBe(false)
    interim.awaiting = true
    arrives(half, half)
    expect(socket.destroyed).toBe(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors.map(({ message }) => message)).toEqual([
      'the backend sent more than 64 KiB of interim responses (1xx)',
    ])
  })
})
