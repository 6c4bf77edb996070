import net from 'node:net'
import { onTestFinished } from 'vitest'

/** A connection for arbitrary bytes. */
export interface RawConnection {
  write(bytes: Buffer | string): void
  /** Stops reading. */
  pause(): void
  /** Closes the connection at once. */
  destroy(): void
  /** Everything received so far. */
  readonly received: string
  /** Resolves with everything received, once it matches or the connection has closed. */
  until(expected: RegExp): Promise<string>
  /** Resolves with everything received, once the connection has closed. */
  end(): Promise<string>
}

/** Connects to a server and closes the connection after the test. */
export function rawConnection(url: string): RawConnection {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let received = ''
  let ended = false
  let check = () => {}
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    check()
  })
  socket.on('close', () => {
    ended = true
    check()
  })
  const until = (expected: RegExp) =>
    new Promise<string>((resolve) => {
      check = () => {
        if (expected.test(received) || ended) resolve(received)
      }
      check()
    })
  return {
    write: (bytes) => void socket.write(bytes),
    pause: () => void socket.pause(),
    destroy: () => void socket.destroy(),
    get received() {
      return received
    },
    until,
    end: () => until(/(?!)/),
  }
}
