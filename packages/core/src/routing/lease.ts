import type { Backend, Slot } from '../backend/backend.ts'
import type { BackendView } from '../backend/backend-view.ts'
import type { Timeouts } from '../config/timeouts.ts'
import type { Patience } from './patience.ts'

/** The right to send one request to one backend. It must be released, with its outcome where there is one. */
export interface Lease extends Slot {
  readonly backend: Backend
  /** Name of the route that matched. */
  readonly route: string
  /** Those of this backend on this route. */
  readonly timeouts: Timeouts
  /** Further backends that may be tried when this one fails: `retries` of the route that matches the request now. */
  readonly retries: number
  /** The number of candidates that are neither excluded nor among these, by id. */
  readonly left: (tried: readonly string[]) => number
  /** The request's place in the queue. */
  readonly place: Place
  /** The other candidates, without these ids, that can take the request now or after a queue. */
  readonly usableOthers: (tried: readonly string[]) => readonly BackendView[]
  /**
   * Whether every candidate refuses such requests, and none has ever served one.
   *
   * @param refused Ids of the backends that have just refused this one.
   */
  readonly isRefusedByAll: (refused: readonly string[]) => boolean
  /**
   * Whether this backend's answer against the job counts without a second opinion: it has served such jobs before, or no other
   * candidate serves them. Otherwise its version may differ from that of an unavailable one.
   */
  readonly isCredible: () => boolean
  /** Whether it is a bulk request, of priority 0: the client never gets its failures while it may be held. */
  readonly bulk: boolean
  /** Whether the request may be held. */
  readonly holds: boolean
  /** How the request is hedged; `undefined` for a bulk request on a route that does not hedge. */
  readonly hedge: LeaseHedge | undefined
}

/** The hedges of a request. */
export interface LeaseHedge {
  /** Whether its route does not hedge: a person waits for it, and gets another chance when the backend may be frozen. */
  readonly isRescue: boolean
  /** The most hedges: `hedge.max` of the route. */
  readonly max: number
  /** Milliseconds after which an attempt is late, and hedged; `undefined` when that is not known. */
  readonly lateAfter: () => number | undefined
  /**
   * A lease for a hedge, on a candidate that can take it now. It neither waits nor takes an unavailable backend.
   *
   * @param used Ids of the backends that have the request, or had it.
   */
  readonly spare: (used: readonly string[]) => Lease | undefined
}

/** The place of a request in the queue. A retried request keeps its place. */
export interface Place {
  /** A running number. */
  readonly arrival: number
  /** When the request arrived, on the clock. */
  readonly since: number
  /** The longest waits it was accepted with: a reload does not make them shorter. */
  readonly patience?: Patience | undefined
}

/** A request begins to wait for a backend, or its wait ends. */
export interface HoldEvent {
  /** Name of the route. After a reload it may differ from the one on which the wait began. */
  readonly route: string
  readonly kind: 'held' | 'released' | 'gave-up'
  /**
   * Why the wait began. `full`: every candidate was at its limit, or, where requests are not held, unavailable. `unavailable`:
   * the request is held.
   */
  readonly reason: 'full' | 'unavailable'
  /** Why the request gave up, if it did. */
  readonly error: Error | undefined
  /** Length of the wait so far, in milliseconds. */
  readonly time: number
  /** Requests that wait on this route now. */
  readonly held: number
}
