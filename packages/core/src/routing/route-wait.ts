import type { Backend } from '../backend/backend.ts'
import { HoldError } from '../errors.ts'
import type { RankChange } from '../queue/request-queue.ts'
import { isAnyFull, isAnyRestarting, isAvailable } from './assess.ts'
import { candidatesOf } from './candidates.ts'
import { type Decision, longestWait, waitKind } from './decide.ts'
import type { HoldEvent, Lease } from './lease.ts'
import { namesOf, unavailableReason } from './no-backend.ts'
import type { RouteRequest } from './route-request.ts'
import type { RouteSelector } from './route-selector.ts'
import type { RouteTable } from './route-table.ts'
import type { SelectOptions } from './select-options.ts'

type WaitDecision = Extract<Decision, { kind: 'queue' | 'hold' }>

const REASONS = { queue: 'full', hold: 'unavailable' } as const

/** The wait of one request for a backend of its route; after a reload, of the route that matches it then. */
export class RouteWait {
  /** Why it began to wait. */
  readonly reason: HoldEvent['reason']
  readonly #table: RouteTable
  readonly #options: SelectOptions
  readonly #began: number
  readonly #leaving = new AbortController()
  #selector: RouteSelector
  #request: RouteRequest
  /** Whether some candidate is available and at its limit. */
  #isFull: boolean
  /** The backends that count it as waiting. */
  #awaited: readonly Backend[] = []
  #updateRank: (change: RankChange) => void = () => {}
  /** Whether the body had arrived when the group was last computed. */
  #wasReady = false

  constructor(
    table: RouteTable,
    selector: RouteSelector,
    request: RouteRequest,
    { kind, isFull }: WaitDecision,
    options: SelectOptions,
  ) {
    this.#table = table
    this.#selector = selector
    this.#request = withPatience(request)
    this.#options = options
    this.#began = table.context.clock.now()
    this.#isFull = isFull
    this.reason = REASONS[kind]
  }

  get isInteractive(): boolean {
    return this.#request.priority > 0
  }

  /** Joins the queue. */
  async lease(): Promise<Lease> {
    const { queue, context } = this.#table
    const { arrival, since } = this.#request.place
    const { onWait, signal } = this.#options
    const { tenant, head } = this.#request
    onWait?.({
      reason: this.reason,
      now: () => ({
        route: this.#selector.route.name,
        reason: REASONS[waitKind(this.#request, isAnyFull(this.#request))],
      }),
      leave: (error) => this.#leaving.abort(error),
      ready: () => this.#updateRank(this.#rank()),
    })
    this.#enter()
    const stopAwaiting = context.pool.onChange(() => this.#awaitCandidates())
    const lease = queue.enqueue(() => this.#tryServe(), {
      arrival,
      since,
      tenant: tenant ?? head.client ?? '',
      ...this.#rank(),
      onJoin: (update) => {
        this.#updateRank = update
      },
      deadline: this.#deadline(this.#isFull || isAnyRestarting(this.#request)),
      onDeadline: () => this.#onDeadline(),
      signal: signal === undefined ? this.#leaving.signal : AbortSignal.any([signal, this.#leaving.signal]),
    })
    const end = () => {
      this.#exit()
      stopAwaiting()
      for (const backend of this.#awaited) backend.demand.end(this.reason)
      this.#awaited = []
    }
    this.#emit('held')
    try {
      const got = await lease
      end()
      this.#emit('released')
      return got
    } catch (error) {
      end()
      this.#emit('gave-up', error instanceof Error ? error : undefined)
      throw error
    }
  }

  /** After a reload: moves to another route at the same place, with a wait that is no shorter. */
  move(selectorOf: (request: RouteRequest) => RouteSelector): void {
    let selector: RouteSelector
    try {
      selector = selectorOf(this.#request)
    } catch (error) {
      // A match that was written in code has failed.
      this.#leaving.abort(error)
      return
    }
    this.#exit()
    this.#selector = selector
    this.#adopt(this.#request)
    this.#isFull = isAnyFull(this.#request)
    // A backend that it goes on waiting for must not count it as gone in between.
    const before = this.#awaited
    this.#awaited = []
    this.#enter()
    for (const backend of before) backend.demand.end(this.reason)
    this.#updateRank(this.#rank())
  }

  #tryServe(): ReturnType<RouteSelector['tryServe']> {
    // A body that stopped for want of memory is ready, and reads on when there is some.
    if (this.#request.isReady() !== this.#wasReady) this.#updateRank(this.#rank())
    const request = this.#request
    if (
      request.relaxes &&
      request.exclude.size > 0 &&
      !candidatesOf(request).some((backend) => isAvailable(request, backend))
    ) {
      this.#adopt({ ...request, exclude: new Set() })
      this.#awaitCandidates()
      this.#updateRank(this.#rank())
    }
    return this.#selector.tryServe(this.#request)
  }

  #adopt(request: RouteRequest): void {
    this.#request = withPatience(this.#selector.adopt(request))
  }

  #enter(): void {
    this.#selector.waits.add(this)
    if (this.reason === 'full') this.#table.queued.add(this)
    this.#awaitCandidates()
  }

  #exit(): void {
    this.#selector.waits.delete(this)
    this.#table.queued.delete(this)
  }

  /** Has the candidates count it as waiting, also later ones: they are probed and woken for it. */
  #awaitCandidates(): void {
    const before = this.#awaited
    const now = candidatesOf(this.#request)
    if (now === before) return
    this.#awaited = now
    for (const backend of without(before, now)) backend.demand.end(this.reason)
    for (const backend of without(now, before))
      backend.demand.begin(this.reason, !this.#isFull, this.isInteractive)
  }

  #rank(): RankChange {
    return { headStart: this.#selector.headStartOf(this.#request), group: this.#group() }
  }

  /** Requests of one group have the same candidates and the same obstacles. */
  #group(): string {
    const { route, place, job, kind, priority, exclude, retry, patience, isReady, notBefore } = this.#request
    this.#wasReady = isReady()
    // A request that may not be sent yet says nothing about the others.
    if (this.#table.context.clock.now() < notBefore) return `${route.name} ${place.arrival}`
    const size = job.size()
    return JSON.stringify([
      route.name,
      kind,
      job.exact(),
      candidatesOf(this.#request).flatMap(({ id, health }) =>
        size >= (health.capabilities.sizeLimit ?? Number.POSITIVE_INFINITY) ? id : [],
      ),
      priority,
      [...exclude].sort(),
      patience.hold !== undefined,
      retry,
      this.#wasReady,
    ])
  }

  /** @param endsSoon Whether it waits for a slot or a restart, which is worth a longer wait. */
  #deadline(endsSoon: boolean): number {
    const { deadline = Number.POSITIVE_INFINITY } = this.#options
    const { place, retry } = this.#request
    // While draining, a request waits for close().
    if (this.#table.isDraining && !retry) return deadline
    return Math.min(place.since + longestWait(this.#request, endsSoon), deadline)
  }

  /** @returns The error to give up with, or until when to wait on. */
  #onDeadline(): HoldError | number {
    // Since it began to wait, backends may have come back and be full, or have become unavailable.
    const isFull = isAnyFull(this.#request)
    const deadline = this.#deadline(isFull || isAnyRestarting(this.#request))
    if (this.#table.context.clock.now() < deadline) return deadline
    const { patience, route } = this.#request
    const now = candidatesOf(this.#request)
    const reason = isFull
      ? `${namesOf(now)} full`
      : now.map((backend) => unavailableReason(this.#request, backend)).join('; ')
    return new HoldError(
      patience.hold === undefined ? 'queue-expired' : 'hold-expired',
      `No backend of route "${route.name}" could be used in time: ${reason}.`,
    )
  }

  #emit(kind: HoldEvent['kind'], error?: Error): void {
    const { clock, onHold } = this.#table.context
    const { route, waits } = this.#selector
    const time = clock.now() - this.#began
    onHold({ route: route.name, kind, reason: this.reason, error, time, held: waits.size })
  }
}

function without(backends: readonly Backend[], others: readonly Backend[]): readonly Backend[] {
  if (others.length === 0) return backends
  const left = new Set(others)
  return backends.filter((backend) => !left.has(backend))
}

/** A request keeps the longest waits that it was accepted with. */
function withPatience(request: RouteRequest): RouteRequest {
  return { ...request, place: { ...request.place, patience: request.patience } }
}
