import type { Backend } from '../backend/backend.ts'
import type { Pool } from '../backend/pool.ts'
import type { Clock } from '../clock.ts'
import { HoldError } from '../errors.ts'
import type { Standing, Try, WaitingLine } from '../queue/waiting-line.ts'
import type { CompiledRoute } from './compile-policy.ts'
import { list, longestWait, unavailable, waitsFor } from './decide.ts'
import type { HoldEvent, Lease } from './lease.ts'
import { type Choice, isFull, isThere, look, obstacleOf } from './look.ts'
import type { RouteWaits } from './route-waits.ts'

/** A request's wait, as the request sees it. */
export interface Wait {
  readonly reason: HoldEvent['reason']
  /** What it waits for by now. */
  readonly now: () => Pick<HoldEvent, 'route' | 'reason'>
  /** Gives it up: the selection then fails with this error. */
  leave(error: Error): void
  /** The request is ready now. */
  ready(): void
}

export interface WaitOptions {
  /** Aborting it gives up the wait. */
  readonly signal?: AbortSignal | undefined
  /** When the request has to be over, on the clock. */
  readonly deadline?: number | undefined
  /** Called at once. */
  readonly onWait?: ((wait: Wait) => void) | undefined
  /** Who asks: requests of one urgency take turns by client. */
  readonly client?: string | undefined
}

/** Where requests wait, whatever their route. */
export interface WaitingRoom {
  readonly pool: Pool
  readonly line: WaitingLine<Lease>
  readonly clock: Clock
  readonly onHold: ((event: HoldEvent) => void) | undefined
  /** Whether only requests that were tried before get a lease. */
  readonly suspended: boolean
  /** Those that began to wait for a slot, on any route. */
  readonly queued: Set<RouteWait>
}

/** A route, as somebody who waits for its backends asks it. */
export interface WaitingRoute {
  readonly route: CompiledRoute
  /** Those that wait for its backends. */
  readonly waits: RouteWaits<RouteWait>
  try(choice: Choice): ReturnType<Try<Lease>>
  headStartOf(choice: Choice): number
  /** The choice that a request of another route has here. */
  takeOver(choice: Choice): Choice
}

/** One request that waits: for backends of its route and, when the policy changes, for those of the route that it has then. */
export class RouteWait {
  readonly #room: WaitingRoom
  readonly #options: WaitOptions
  /** Why it began to wait. */
  readonly reason: HoldEvent['reason']
  readonly #began: number
  readonly #leaving = new AbortController()
  #route: WaitingRoute
  #choice: Choice
  /** Whether it waits for a slot, and not for a backend to be there. */
  #full: boolean
  /** The backends that know that it waits for them. */
  #told: readonly Backend[] = []
  #become: (standing: Standing) => void = () => {}
  /** Whether the request was ready when its kind was last taken. */
  #wasReady = false

  /** @param full Whether one of its backends is there and has as many requests as it may have. */
  constructor(room: WaitingRoom, route: WaitingRoute, choice: Choice, full: boolean, options: WaitOptions) {
    this.#room = room
    this.#options = options
    this.#route = route
    this.#choice = promised(choice)
    this.#began = room.clock.now()
    this.#full = full
    this.reason = waitsFor(choice.patience, full)
  }

  get isInteractive(): boolean {
    return this.#choice.priority > 0
  }

  /** Joins the line. */
  async lease(): Promise<Lease> {
    const { line, pool } = this.#room
    const { arrival, since } = this.#choice.place
    const { onWait, client = '', signal } = this.#options
    onWait?.({
      reason: this.reason,
      now: () => ({
        route: this.#route.route.name,
        reason: waitsFor(this.#choice.patience, isFull(look(this.#choice))),
      }),
      leave: (error) => this.#leaving.abort(error),
      ready: () => this.#become(this.#standingNow()),
    })
    this.#enter()
    const stopMarking = pool.onChange(() => this.#mark())
    const lease = line.wait(() => this.#try(), {
      arrival,
      since,
      client,
      ...this.#standingNow(),
      onJoin: (become) => {
        this.#become = become
      },
      deadline: this.#deadline(this.#full),
      late: () => this.#late(),
      signal: signal === undefined ? this.#leaving.signal : AbortSignal.any([signal, this.#leaving.signal]),
    })
    const end = () => {
      this.#exit()
      stopMarking()
      this.#unmark()
    }
    this.#tell('held')
    try {
      const got = await lease
      end()
      this.#tell('released')
      return got
    } catch (error) {
      end()
      this.#tell('gave-up', error instanceof Error ? error : undefined)
      throw error
    }
  }

  /**
   * The policy has changed: it waits for the backends of another route from now on, at the place that it had, and for no
   * shorter than it would have.
   */
  move(routeFor: (choice: Choice) => WaitingRoute): void {
    let route: WaitingRoute
    try {
      route = routeFor(this.#choice)
    } catch (error) {
      // A match that was written in code has failed.
      this.#leaving.abort(error)
      return
    }
    this.#exit()
    this.#route = route
    this.#choice = promised(route.takeOver(this.#choice))
    this.#full = isFull(look(this.#choice))
    // Whom it waits for still must not take it for gone meanwhile.
    const before = this.#told
    this.#told = []
    this.#enter()
    for (const backend of before) backend.endWait()
    this.#become(this.#standingNow())
  }

  #try(): ReturnType<Try<Lease>> {
    // A body that was ready for want of room reads on when there is some, and is not ready then.
    if (this.#choice.isReady() !== this.#wasReady) this.#become(this.#standingNow())
    const { exclude, relaxes, candidates } = this.#choice
    // What has failed it is better than nothing, once no other candidate is left to wait for.
    if (relaxes && exclude.size > 0 && !candidates.now.some((it) => this.#isThere(it))) {
      this.#choice = this.#route.takeOver({ ...this.#choice, exclude: new Set() })
      this.#mark()
      this.#become(this.#standingNow())
    }
    return this.#route.try(this.#choice)
  }

  #isThere(backend: Backend): boolean {
    return isThere(obstacleOf(this.#choice, backend))
  }

  #enter(): void {
    this.#route.waits.add(this)
    if (this.reason === 'full') this.#room.queued.add(this)
    this.#mark()
  }

  #exit(): void {
    this.#route.waits.delete(this)
    this.#room.queued.delete(this)
  }

  /** Tells the backends, also those that come later. */
  #mark(): void {
    const before = this.#told
    const { now } = this.#choice.candidates
    if (now === before) return
    this.#told = now
    for (const backend of without(before, now)) backend.endWait()
    for (const backend of without(now, before)) backend.beginWait(!this.#full)
  }

  #unmark(): void {
    for (const backend of this.#told) backend.endWait()
    this.#told = []
  }

  #standingNow(): Standing {
    return { headStart: this.#route.headStartOf(this.#choice), kind: this.#kindNow() }
  }

  /** Requests of one kind have the same backends to choose from, whenever they look, and the same to say of each. */
  #kindNow(): string {
    const { route, place, job, kind, priority, exclude, retry, patience, isReady, notBefore, candidates } =
      this.#choice
    this.#wasReady = isReady()
    // A request that may not be sent yet says nothing about the others.
    if (this.#room.clock.now() < notBefore) return `${route.name} ${place.arrival}`
    const { name } = route
    const size = job.size()
    const holds = patience.hold !== undefined
    return JSON.stringify([
      name,
      kind,
      job.exact(),
      candidates.now.flatMap(({ id, sizeLimit }) => (sizeLimit !== undefined && size >= sizeLimit ? id : [])),
      priority,
      [...exclude].sort(),
      holds,
      retry,
      this.#wasReady,
    ])
  }

  #deadline(full: boolean): number {
    const { deadline = Number.POSITIVE_INFINITY } = this.#options
    const { patience, place, retry } = this.#choice
    // It waits for close(), however short its patience.
    if (this.#room.suspended && !retry) return deadline
    return Math.min(place.since + longestWait(patience, full), deadline)
  }

  /** @returns What it gives up with, or until when it waits on. */
  #late(): HoldError | number {
    // Since it began to wait, its backends may have come back and be full, or have gone away.
    const full = isFull(look(this.#choice))
    const deadline = this.#deadline(full)
    if (this.#room.clock.now() < deadline) return deadline
    const { patience, route, candidates } = this.#choice
    const why = full
      ? `${list(candidates.now)} full`
      : candidates.now.map((backend) => unavailable(backend, this.#choice)).join('; ')
    return new HoldError(
      patience.hold === undefined ? 'queue-expired' : 'hold-expired',
      `No backend of route "${route.name}" could be used in time: ${why}.`,
    )
  }

  #tell(kind: HoldEvent['kind'], error?: Error): void {
    const { clock, onHold } = this.#room
    const { route, waits } = this.#route
    const time = clock.now() - this.#began
    onHold?.({ route: route.name, kind, reason: this.reason, error, time, held: waits.size })
  }
}

function without(backends: readonly Backend[], others: readonly Backend[]): readonly Backend[] {
  if (others.length === 0) return backends
  const left = new Set(others)
  return backends.filter((backend) => !left.has(backend))
}

/** It is let in with the patience that it has. */
function promised(choice: Choice): Choice {
  return { ...choice, place: { ...choice.place, patience: choice.patience } }
}
