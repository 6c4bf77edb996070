import type { Outcome } from '../backend/outcome.ts'
import type { Clock } from '../clock.ts'
import type { Lease } from '../routing/lease.ts'
import type { Budget } from './budget.ts'

/** One of the attempts of a request that run in parallel. */
export interface HedgedAttempt {
  readonly lease: Lease
  /** Whether it was sent because an earlier attempt was late. */
  readonly hedge: boolean
  /** Aborted when another attempt is answered first. */
  readonly superseded: AbortSignal | undefined
  /** Must be called when its answer begins to go to the client. */
  readonly onCommit: () => void
}

export interface HedgedRequest {
  readonly clock: Clock
  /** Limits the share of hedges. */
  readonly budget: Budget
  /** Ids of the backends that had the request before: none of them gets a hedge. */
  readonly tried: readonly string[]
  /** Whether the request can be sent in parallel now. */
  readonly canHedge: () => boolean
  /** Makes one attempt. Only a good answer commits. */
  readonly attempt: (attempt: HedgedAttempt) => Promise<Outcome>
}

/** The result once every attempt is over; every lease is released except the last one's. */
export interface HedgedResult {
  readonly lease: Lease
  readonly outcome: Outcome
  /** Number of attempts. */
  readonly attempts: number
}

/**
 * Makes one attempt and, while it is late, hedges on other backends. The first to commit wins and aborts the others; one that
 * fails while another still runs ends nothing.
 *
 * @returns when every attempt is over. If an attempt rejects, it rejects too, and every lease is released.
 */
export function sendHedged(first: Lease, request: HedgedRequest): Promise<HedgedResult> {
  const { clock, budget, tried, canHedge, attempt } = request
  const running = new Map<Lease, AbortController | undefined>()
  /** Ids of the backends that have had an attempt. */
  const used: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<HedgedResult>()
  let cancelHedge: (() => void) | undefined
  const send = (lease: Lease) => {
    const abort = lease.hedge === undefined ? undefined : new AbortController()
    const hedge = used.length > 0
    running.set(lease, abort)
    used.push(lease.backend.id)
    const onCommit = () => {
      cancelHedge?.()
      for (const [other, controller] of running) if (other !== lease) controller?.abort()
    }
    attempt({ lease, hedge, superseded: abort?.signal, onCommit }).then(
      (outcome) => {
        running.delete(lease)
        if (running.size > 0) return lease.release(outcome)
        cancelHedge?.()
        resolve({ lease, outcome, attempts: used.length })
      },
      (bug: unknown) => {
        cancelHedge?.()
        for (const [other, controller] of running) {
          other.release()
          controller?.abort()
        }
        reject(bug)
      },
    )
  }
  const hedgeAfter = (delay: number, count: number) => {
    cancelHedge = clock.after(delay, () => {
      const lease = canHedge() && budget.allows ? first.hedge?.spare([...tried, ...used]) : undefined
      if (lease !== undefined) {
        budget.take()
        send(lease)
      }
      if (count > 1) hedgeAfter(delay, count - 1)
    })
  }
  const delay = first.hedge?.lateAfter()
  send(first)
  if (first.hedge !== undefined && delay !== undefined) hedgeAfter(delay, first.hedge.max)
  return promise
}
