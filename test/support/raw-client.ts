import net from 'node:net'
import { onTestFinished } from 'vitest'

/** A connection on which a test writes what it likes. */
export interface RawConnection {
  write(bytes: Buffer | string): void
  /** Reads nothing any more. */
  pause(): void
  /** Ends the connection at once. */
  destroy(): void
  /** Everything that has come so far. */
  readonly received: string
  /** Resolves with everything that has come, once that matches, or when the connection has ended. */
  until(expected: RegExp): Promise<string>
  /** Resolves with everything that has come, when the connection has ended. */
  end(): Promise<string>
}

/** Connects to a server of the test; the connection is closed when the test is over. */
export function rawConnection(url: string): RawConnection {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let received = ''
  let ended = false
  let look = () => {}
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    look()
  })
  socket.on('close', () => {
    ended = true
    look()
  })
  const until = (expected: RegExp) =>
    new Promise<string>((resolve) => {
      look = () => {
        if (expected.test(received) || ended) resolve(received)
      }
      look()
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
