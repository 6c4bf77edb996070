import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import { HoldError } from '../errors.ts'
import type { Select } from '../router/select-backend.ts'
import type { HoldEvent } from '../routing/lease.ts'
import type { Wait } from '../routing/select-options.ts'

/** A request's wait for a backend. */
export interface Waiting {
  /** Name of the route. */
  readonly route: string
  /** Why: its backends are at their limits, or none is available. */
  readonly reason: HoldEvent['reason']
  /** Since when, on the clock; it may have waited before. */
  readonly since: number
}

interface CurrentWait extends Wait {
  readonly since: number
  readonly endTraced: (() => void) | undefined
}

/** Of a request that has not waited. */
export const NO_WAITS = { full: 0, unavailable: 0 } as const

/** The waits of one request for backends. Keeps its body while it waits. */
export class RequestWaits {
  /** How long it has waited in all, in milliseconds, by reason. */
  readonly waited = { full: 0, unavailable: 0 }
  readonly #store: BodyStore
  readonly #body: ReplayBody
  readonly #size: () => number
  #current: CurrentWait | undefined
  /** Ends counting its body as held. */
  #endHold: (() => void) | undefined

  /** @param size Bytes of its body, as far as they are known. */
  constructor(store: BodyStore, body: ReplayBody, size: () => number) {
    this.#store = store
    this.#body = body
    this.#size = size
  }

  get isWaiting(): boolean {
    return this.#current !== undefined
  }

  /** The current wait. */
  get current(): Waiting | undefined {
    const wait = this.#current
    return wait && { ...wait.now(), since: wait.since }
  }

  /** @param endTraced Called when the wait is over. */
  begin(wait: Wait, { clock, maxHeldBytes }: Select, endTraced: (() => void) | undefined): void {
    const isHeld = wait.reason === 'unavailable'
    this.#current = { ...wait, since: clock.now(), endTraced }
    if (isHeld) {
      this.#endHold ??= this.#store.disk.hold(this.#size(), maxHeldBytes())
      if (this.#endHold === undefined) wait.leave(noRoom(maxHeldBytes()))
    }
    // A machine may take hours to wake up; a slot is soon free.
    this.#body.hold(this.#store, isHeld ? 'disk' : 'memory', wait.ready)
  }

  /** Ends the wait. */
  end({ clock }: Select): void {
    const wait = this.#current
    if (wait === undefined) return
    wait.endTraced?.()
    this.#endHold?.()
    this.#endHold = undefined
    this.waited[wait.reason] += clock.now() - wait.since
    this.#current = undefined
  }

  /** Gives up the wait, if there is one. */
  leave(error: Error): void {
    this.#current?.leave(error)
  }
}

function noRoom(maxHeldBytes: number): HoldError {
  return new HoldError(
    'hold-full',
    `Disk space for held requests is used up: ${maxHeldBytes} bytes (hold.maxBytes) or half of the free space.`,
  )
}
