import type { Backend, Slot } from '../backend/backend.ts'
import type { Patience } from '../config/patience.ts'
import type { Timeouts } from '../config/timeouts.ts'

/** The right to send one request to one backend. It must be released, with its outcome where there is one. */
export interface Lease extends Slot {
  readonly backend: Backend
  /** The name of the route that matched. */
  readonly route: string
  /** Those that apply to this backend by this route. */
  readonly timeouts: Timeouts
  /** Further backends that may be tried when this one fails, by the `retries` of the route that takes the request now. */
  readonly retries: number
  /** Backends of that route that serve the request and are neither excluded nor among these, by their ids. */
  readonly left: (tried: readonly string[]) => number
  /** Where the request stands among those that wait. */
  readonly place: Place
  /** Whether another candidate can be used, if perhaps only after a queue, and nothing has failed on it recently. */
  readonly provenOther: () => boolean
  /** Other candidates, without these ids, that can be used now or after a queue. */
  readonly usableOthers: (tried: readonly string[]) => number
  /**
   * Whether every candidate itself refuses such requests, and none has ever served one.
   *
   * @param refused Ids of those that have just refused this one.
   */
  readonly isRefusedByAll: (refused: readonly string[]) => boolean
  /**
   * Whether this backend's word against the job counts without a second opinion: it has served such jobs before, or no other
   * candidate serves them. Otherwise it may be of another version than one that is away.
   */
  readonly isCredible: () => boolean
  /** Whether it is a bulk request, its priority not above 0: its failures are never given to the client while it may be held. */
  readonly bulk: boolean
  /** Whether the request may wait when no backend can be used. */
  readonly holds: boolean
  /** Further copies that may be sent to other backends when this one is late, by the route's `hedge`. */
  readonly hedges: number
  /** When it is late, in milliseconds from when it is sent; `undefined` when that is not known, or never. */
  readonly lateAfter: () => number | undefined
  /**
   * A lease for a further copy, on a backend of the route that can take it now. It does not wait, nor make do with a
   * backend that is coming back.
   *
   * @param used Ids of the backends that have had a copy.
   */
  readonly spare: (used: readonly string[]) => Lease | undefined
}

/** Where a request stands in a line, whenever it joins it. */
export interface Place {
  readonly arrival: number
  /** On the clock. */
  readonly since: number
  /** What it was let in with, if it has waited: no other policy makes that shorter. */
  readonly patience?: Patience | undefined
}

/** A request has begun to wait for a backend, or waits no more. */
export interface HoldEvent {
  /** Name of the route; after a reload it may be another than that on which the request began to wait. */
  readonly route: string
  readonly kind: 'held' | 'released' | 'gave-up'
  /**
   * Why it began to wait: its backends had as many requests as they may have, or, on a route that lets requests wait for one,
   * none could be used.
   */
  readonly reason: 'full' | 'unavailable'
  /** Why it waits no more, when it gave up. */
  readonly error: Error | undefined
  /** How long it has waited, in milliseconds. */
  readonly time: number
  /** How many wait for this route now. */
  readonly held: number
}
