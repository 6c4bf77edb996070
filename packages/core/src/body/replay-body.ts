import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { BodyStore } from './body-store.ts'

/** A request body that can be read several times from its start while it is retained. */
export interface ReplayBody {
  /** Bytes received so far. */
  readonly size: number
  /** Whether all bytes have arrived. */
  readonly complete: boolean
  /** Whether {@link ReplayBody.stream} can be called. */
  readonly retained: boolean
  /** Whether a held body has arrived, or as much of it as there is room for. */
  readonly ready: boolean
  /** Whether retention ended for lack of room. */
  readonly givenUp: boolean
  /** Whether a reader waits for the sender. */
  readonly starving: boolean

  /**
   * Opens a stream of the whole body from its first byte.
   *
   * @param clock Measures how long the stream waits for the sender.
   * @throws {BodyReleasedError} after {@link ReplayBody.release}.
   */
  stream(clock?: Pick<Clock, 'now'>): Readable

  /** The first bytes, as far as they are in memory. @param most Limit in bytes. */
  beginning(most: number): Buffer

  /**
   * Retains the body for another reader: in memory as far as there is room, else on disk. Without either, the sender waits for
   * room. A body larger than the memory of all bodies is not retained, and can be read once.
   */
  retain(store: BodyStore): void

  /**
   * Retains the body for its first reader, possibly for hours. Reads it to the end so that the sender need not wait, and moves it
   * to disk. Without a disk, reads as much as fits into the memory of all bodies.
   *
   * @param where `memory`, for a short wait: goes to disk only without room in memory.
   * @param onReady Called each time the body becomes {@link ReplayBody.ready}.
   */
  hold(store: BodyStore, where: 'disk' | 'memory', onReady?: () => void): void

  /** Ends retention. Open streams continue to the end; new ones cannot be opened. */
  release(): void

  /** Releases the body and stops reading; open streams fail. */
  destroy(): void
}

/**
 * Largest body in bytes that stays in memory while it is held, since a file would cost more; and the largest whose first chunk
 * is waited for, since it usually is the whole.
 */
export const SMALL_BODY = 16 * 1024
