import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { RouterError } from '../errors.ts'
import type { ActiveRequest } from './active-requests.ts'
import { answerError } from './answers.ts'

/** Progress of an upload at the last check. */
interface Progress {
  readonly bytes: number
  /** On the clock. */
  readonly since: number
}

/**
 * Ends uploads whose client has stopped sending. One timer for all of them runs while requests are active. An upload that the router has paused is not idle.
 */
export class IdleUploads {
  readonly #clock: Clock
  readonly #active: Iterable<ActiveRequest>
  #progress = new Map<ActiveRequest, Progress>()
  #cancel: (() => void) | undefined

  constructor(clock: Clock, active: Iterable<ActiveRequest>) {
    this.#clock = clock
    this.#active = active
  }

  /** Watches a new request, unless all of it came in one piece. */
  watch({ req }: ActiveRequest): void {
    // By then, Node has parsed everything that arrived with the head.
    queueMicrotask(() => {
      if (!req.complete) this.#cancel ??= this.#clock.after(defaults.uploadCheckInterval, () => this.#check())
    })
  }

  /** No request is active any more. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#progress.clear()
  }

  #check(): void {
    const now = this.#clock.now()
    const progress = new Map<ActiveRequest, Progress>()
    for (const active of this.#active) {
      const { req } = active
      if (req.complete || req.readableFlowing !== true) continue
      const bytes = req.socket.bytesRead
      const before = this.#progress.get(active)
      const since = before?.bytes === bytes ? before.since : now
      if (now - since >= defaults.uploadIdleTimeout) end(active)
      else progress.set(active, { bytes, since })
    }
    this.#progress = progress
    this.#cancel = this.#clock.after(defaults.uploadCheckInterval, () => this.#check())
  }
}

function end({ req, res }: ActiveRequest): void {
  const { socket } = req
  const seconds = defaults.uploadIdleTimeout / 1_000
  res.shouldKeepAlive = false
  void answerError(
    res,
    new RouterError('upload-timeout', `The client sent no part of its request body for ${seconds} s.`),
  )
  // Sends what is written, then closes.
  socket.destroySoon()
}
