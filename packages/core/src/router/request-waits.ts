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
  /** What for: its backends have as many requests as they may have, or none can be used. */
  readonly reason: HoldEvent['reason']
  /** Since when, on the clock; it may have waited before. */
  readonly since: number
}

interface CurrentWait extends Wait {
  readonly since: number
  readonly endTraced: (() => void) | undefined
}

/** The waits of one request for backends, one after the other, and what becomes of its body in them. */
export class RequestWaits {
  /** How long it has waited in all, in milliseconds, by reason. */
  readonly waited = { full: 0, unavailable: 0 }
  readonly #store: BodyStore
  readonly #body: ReplayBody
  readonly #size: () => number
  #current: CurrentWait | undefined
  /** Ends what is counted of its body while it is held. */
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

  /** What it waits for now, if it does. */
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
    // A machine may take hours to wake up; a slot is free before long.
    this.#body.hold(this.#store, isHeld ? 'disk' : 'memory', wait.ready)
  }

  /** It has a backend, or will get none. */
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
    `Held bodies take as much disk as they may: ${maxHeldBytes} bytes (hold.maxBytes), or half of what is free.`,
  )
}
