import type { Backend, Slot } from '../backend/backend.ts'
import type { Pool } from '../backend/pool.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { HoldError, type RouterError } from '../errors.ts'
import type { Try, WaitingLine } from '../hold/waiting-line.ts'
import { Candidates } from './candidates.ts'
import type { CompiledRoute } from './compile-policy.ts'
import {
  allOut,
  isNonEmpty,
  isProven,
  leastBadOf,
  list,
  nobody,
  patienceOf,
  preferred,
  waitingHelps,
} from './decide.ts'
import { explainRoute } from './explain-route.ts'
import type { RouteExplanation } from './explanation.ts'
import { type Jobs, namesOf } from './jobs.ts'
import type { HoldEvent, Lease, Place } from './lease.ts'
import { type Choice, isFull, isThere, type Look, look, narrowed, obstacleOf } from './look.ts'
import type { Queue } from './patience.ts'
import { type Survey, survey } from './survey.ts'
import type { Timeouts } from './timeouts.ts'

export interface SelectOptions {
  /** Aborting it gives up the selection. */
  readonly signal?: AbortSignal | undefined
  /** Names of backends, and ids of endpoints, that must not be chosen, such as those already tried. */
  readonly exclude?: Iterable<string> | undefined
  /** Names of backends, and ids of endpoints, that are chosen only when there is no other. */
  readonly avoid?: Iterable<string> | undefined
  /** Whether it was tried elsewhere before: then a backend is preferred on which nothing has failed of late. */
  readonly retry?: boolean | undefined
  /** When the request has to be over, on the clock. */
  readonly deadline?: number | undefined
  /** Its place among those that wait: that of its first selection. */
  readonly place?: Place | undefined
  /** Called at once when it has to wait. */
  readonly onWait?: ((wait: Wait) => void) | undefined
  /**
   * Whether the whole request is here. One that is still arriving gets no slot that others wait for, lest a slow client
   * keeps it from them.
   * @default always
   */
  readonly isReady?: (() => boolean) | undefined
  /** Who asks: requests of one urgency take turns by client. */
  readonly client?: string | undefined
  /** Told what is about to be decided, and why: at once, and each time that it is looked at again while it waits. */
  readonly onDecision?: ((explanation: RouteExplanation) => void) | undefined
}

/** What a decision can be explained for. */
export type ExplainOptions = Pick<SelectOptions, 'exclude' | 'avoid' | 'retry'>

/** A request's wait, as the request sees it. */
export interface Wait {
  readonly reason: HoldEvent['reason']
  /** Gives it up: the selection then fails with this error. */
  leave(error: Error): void
  /** The request is ready now. */
  ready(): void
}

const NONE: ReadonlySet<string> = new Set()

/** What all routes of a policy share: one line for everybody who waits. */
export interface Waiting {
  readonly pool: Pool
  readonly line: WaitingLine<Lease>
  readonly queue: Queue
  /** The highest priority that a request can have. */
  readonly mostUrgent: number
  readonly clock: Clock
  readonly onHold: ((event: HoldEvent) => void) | undefined
  readonly jobs: Jobs
  /** Requests that have come so far. */
  arrivals: number
  /** When the last one came, on the clock. */
  lastArrival: number
  /** Requests that wait though their route does not hold. */
  queued: number
  closed: RouterError | undefined
}

/** One route: chooses one of its backends now, or makes the request wait for one. */
export class RouteSelection {
  readonly route: CompiledRoute
  readonly #waiting: Waiting
  readonly #held = { full: 0, unavailable: 0 }

  constructor(route: CompiledRoute, waiting: Waiting) {
    this.route = route
    this.#waiting = waiting
  }

  /** Requests that wait. */
  get held(): number {
    return this.#held.full + this.#held.unavailable
  }

  /** The same, by why they began to wait. */
  get heldFor(): Readonly<Record<HoldEvent['reason'], number>> {
    return { ...this.#held }
  }

  /** Whether one more request may wait for a backend that is away. */
  get holds(): boolean {
    const { hold } = this.route
    return hold !== undefined && this.#waiting.closed === undefined && this.held < hold.maxHeld
  }

  async select(classification: Classification, options: SelectOptions): Promise<Lease> {
    options.signal?.throwIfAborted()
    const { line, jobs } = this.#waiting
    const choice = this.#choiceOf(classification, jobs.of(classification), options)
    const isNew = options.place === undefined
    if (choice.candidates.now.length === 0) {
      choice.onDecision?.(this.#explain(choice, isNew))
      throw nobody(this.route, choice)
    }
    if (isNew) {
      this.#waiting.arrivals = choice.place.arrival
      this.#waiting.lastArrival = choice.place.since
    }
    // Those who wait come first; whom there is nothing for now does not keep others back.
    line.pokeIfDue()
    choice.onDecision?.(this.#explain(choice, isNew))
    const got = this.#choose(choice, this.#survey(choice))
    if (got !== undefined) return got
    const seen = look(choice)
    return this.#makeDo(choice, seen) ?? this.#wait(choice, seen, options)
  }

  /** What would be decided now, and why. It changes nothing. */
  explain(classification: Classification, options: ExplainOptions): RouteExplanation {
    const choice = this.#choiceOf(classification, namesOf(classification.entries), options)
    return this.#explain(choice, true)
  }

  #choiceOf(
    classification: Classification,
    names: Pick<Choice, 'kind' | 'models'>,
    options: SelectOptions,
  ): Choice {
    const { route } = this
    const { tasks } = classification
    const exclude = options.exclude === undefined ? NONE : new Set(options.exclude)
    return {
      tasks,
      ...names,
      priority: route.priorityOf(classification),
      candidates: new Candidates(route.members, tasks, exclude),
      exclude,
      avoid: options.avoid === undefined ? NONE : new Set(options.avoid),
      retry: options.retry ?? false,
      isReady: options.isReady ?? (() => true),
      place: options.place ?? { arrival: this.#waiting.arrivals + 1, since: this.#waiting.clock.now() },
      onDecision: options.onDecision,
    }
  }

  #explain(choice: Choice, isNew: boolean): RouteExplanation {
    const { clock, line, queue, lastArrival } = this.#waiting
    const now = clock.now()
    return explainRoute(this.route, choice, {
      now,
      queue,
      ahead: line.countOf(this.#headStart(choice)),
      sinceLast: isNew ? 0 : now - lastArrival,
      held: this.held,
      noRoom: this.#noRoom(isNew),
    })
  }

  /** Why it may not wait; `undefined` when it may. */
  #noRoom(isNew: boolean): RouterError | undefined {
    const { closed, queued, queue } = this.#waiting
    const { hold } = this.route
    if (closed !== undefined) return closed
    // What was let in once is not sent away for being tried again.
    if (!isNew) return undefined
    const full = hold === undefined ? queued >= queue.maxLength : this.held >= hold.maxHeld
    return full ? this.#full() : undefined
  }

  /** A lease for a further copy of a request that has one, where it can go now. */
  spare(choice: Choice, used: readonly string[]): Lease | undefined {
    const { line, closed } = this.#waiting
    if (closed !== undefined) return undefined
    line.poke()
    const unused = choice.candidates.now.filter(
      (backend) => !used.includes(backend.id) && !backend.isRare(choice.tasks),
    )
    return this.#choose(choice, survey(choice, narrowed(choice, unused, isProven), this.route))
  }

  /**
   * The least bad backend, when there is nothing better to wait for.
   *
   * @returns `undefined` when waiting helps: for those that are full it always does, for the others on a route that holds.
   * @throws {NoBackendError} when every one of them is drained, or has no address.
   */
  #makeDo(choice: Choice, seen: Look): Lease | undefined {
    if (seen.length === 0) throw nobody(this.route, choice)
    if (waitingHelps(seen, this.route)) return undefined
    for (const { backend } of seen) backend.want()
    const backend = leastBadOf(seen)
    if (backend !== undefined) return this.#lease(choice, backend)
    const out = allOut(seen, this.route)
    if (out !== undefined) throw out
    return undefined
  }

  #survey(choice: Choice): Survey {
    return survey(choice, preferred(choice), this.route)
  }

  /** A lease on the best backend that can be used now. */
  #choose(choice: Choice, { from, free }: Survey): Lease | undefined {
    if (!free || !isNonEmpty(from)) return undefined
    const { kind, models, priority } = choice
    const { strategy } = this.route
    const queued = this.#waiting.line.countOf(this.#headStart(choice))
    const sinceLast = this.#waiting.clock.now() - this.#waiting.lastArrival
    const backend = strategy.pick(from, { kind, models, queued, urgent: priority > 0, sinceLast })
    if (strategy.waits === true && obstacleOf(choice, backend) !== undefined) return undefined
    this.#wantBetter(choice, backend)
    return this.#lease(choice, backend)
  }

  /** Those that the strategy would rather have had, and that are down, are wanted. */
  #wantBetter({ candidates }: Choice, chosen: Backend): void {
    const ordered = this.route.strategy.ordered === true
    for (const backend of candidates.now) {
      if (backend !== chosen) backend.want()
      else if (ordered) return
    }
  }

  #lease(choice: Choice, backend: Backend): Lease {
    const holds = this.#waiting.closed === undefined && this.route.hold !== undefined
    return new RouteLease(this, choice, backend, holds)
  }

  async #wait(choice: Choice, seen: Look, options: SelectOptions): Promise<Lease> {
    const { name } = this.route
    const waiting = this.#waiting
    const { clock, line } = waiting
    const noRoom = this.#noRoom(options.place === undefined)
    if (noRoom !== undefined) throw noRoom
    const { arrival, since } = choice.place
    const began = clock.now()
    const leaving = new AbortController()
    const reason = isFull(seen) ? 'full' : 'unavailable'
    let onReady = () => {}
    options.onWait?.({
      reason,
      leave: (error) => leaving.abort(error),
      ready: () => onReady(),
    })
    const end = this.#beginWait(choice, reason)
    const tell = (kind: HoldEvent['kind'], error?: Error) => {
      waiting.onHold?.({ route: name, kind, reason, error, time: clock.now() - began, held: this.held })
    }
    const lease = line.wait(() => this.#try(choice), {
      arrival,
      since,
      headStart: this.#headStart(choice),
      client: options.client ?? '',
      // One that is not ready says nothing about the others.
      kind: choice.isReady() ? this.#kindOf(choice) : `${name} ${arrival}`,
      onJoin: (become) => {
        onReady = () => become(this.#kindOf(choice))
      },
      deadline: this.#deadline(since, seen, options),
      late: () => {
        // Since it began to wait, its backends may have come back and be full, or have gone away.
        const now = look(choice)
        const deadline = this.#deadline(since, now, options)
        return clock.now() < deadline ? deadline : this.#late(choice, now)
      },
      signal:
        options.signal === undefined ? leaving.signal : AbortSignal.any([options.signal, leaving.signal]),
    })
    tell('held')
    try {
      const got = await lease
      end()
      tell('released')
      return got
    } catch (error) {
      end()
      tell('gave-up', error instanceof Error ? error : undefined)
      throw error
    }
  }

  #headStart({ priority }: Choice): number {
    const { mostUrgent, queue } = this.#waiting
    return ((priority / mostUrgent) * Math.min(queue.maxWait, defaults.longestHeadStart)) / 2
  }

  #deadline(since: number, seen: Look, { deadline = Number.POSITIVE_INFINITY }: SelectOptions): number {
    const patience = patienceOf(this.route, this.#waiting.queue, isFull(seen))
    return Math.min(since + patience, deadline)
  }

  #late({ candidates }: Choice, seen: Look): HoldError {
    const { hold, name } = this.route
    const why = `${list(candidates.now)} ${isFull(seen) ? 'full' : 'unavailable'}`
    return new HoldError(
      hold === undefined ? 'queue-expired' : 'hold-expired',
      `No backend of route "${name}" could be used in time: ${why}.`,
    )
  }

  /** Counts it, and tells the backends, also those that come later. @returns What ends that. */
  #beginWait({ candidates }: Choice, reason: HoldEvent['reason']): () => void {
    const { hold } = this.route
    const endings = new Map<Backend, () => void>()
    const tell = () => {
      const { now } = candidates
      for (const [backend, end] of endings) {
        if (now.includes(backend)) continue
        end()
        endings.delete(backend)
      }
      for (const backend of now)
        if (!endings.has(backend)) endings.set(backend, backend.wait(reason === 'unavailable'))
    }
    tell()
    const stopTelling = this.#waiting.pool.onChange(tell)
    this.#held[reason]++
    if (hold === undefined) this.#waiting.queued++
    return () => {
      this.#held[reason]--
      if (hold === undefined) this.#waiting.queued--
      stopTelling()
      for (const end of endings.values()) end()
    }
  }

  #try(choice: Choice): ReturnType<Try<Lease>> {
    if (!choice.isReady()) return { again: Number.POSITIVE_INFINITY }
    choice.onDecision?.(this.#explain(choice, false))
    const seen = this.#survey(choice)
    const got = this.#choose(choice, seen) ?? (seen.full ? undefined : this.#makeDo(choice, look(choice)))
    if (got !== undefined) return { got }
    if (!seen.free || this.route.strategy.waits !== true) return { again: seen.until }
    // A strategy that would rather wait than take what is free may think otherwise when that takes too long.
    return { again: Math.min(seen.until, this.#waiting.clock.now() + defaults.reconsiderInterval) }
  }

  /** Requests of one kind have the same backends to choose from, whenever they look, and the same to say of each. */
  #kindOf({ tasks, kind, priority, exclude }: Choice): string {
    const { name, strategy } = this.route
    return JSON.stringify([name, tasks, priority, [...exclude].sort(), strategy.waits === true ? kind : ''])
  }

  #full(): HoldError {
    const { hold, name } = this.route
    return hold === undefined
      ? new HoldError(
          'queue-full',
          `${this.#waiting.queued} requests wait for backends that are full already.`,
        )
      : new HoldError('hold-full', `${this.held} requests wait for a backend of route "${name}" already.`)
  }
}

/** A class, for its getters: as an object literal it took several times as long to make. */
class RouteLease implements Lease {
  readonly backend: Backend
  readonly route: string
  readonly timeouts: Timeouts
  readonly retries: number
  readonly place: Place
  readonly holds: boolean
  readonly trial: boolean
  readonly release: Slot['release']
  readonly hedges: number
  readonly #selection: RouteSelection
  readonly #choice: Choice

  constructor(selection: RouteSelection, choice: Choice, backend: Backend, holds: boolean) {
    const { route } = selection
    const { trial, release } = backend.reserve(choice.tasks, choice.kind, choice.priority > 0)
    this.backend = backend
    this.route = route.name
    this.timeouts = route.timeoutsOf(backend)
    this.retries = route.retries
    this.place = choice.place
    this.holds = holds
    this.trial = trial
    this.release = release
    this.hedges = route.hedge?.max ?? 0
    this.#selection = selection
    this.#choice = choice
  }

  left(tried: readonly string[]): number {
    const { backend, holds } = this
    return this.#choice.candidates.now.filter(
      (candidate) => !tried.includes(candidate.id) && (candidate.enabled || (holds && candidate === backend)),
    ).length
  }

  lateAfter(): number | undefined {
    const after = this.#selection.route.hedge?.after
    if (after === undefined || 'time' in after) return after?.time
    return this.backend.percentile(this.#choice.kind, after.percentile)
  }

  spare(used: readonly string[]): Lease | undefined {
    return this.#selection.spare(this.#choice, used)
  }

  provenOther(): boolean {
    const { candidates, tasks, priority } = this.#choice
    return candidates.now.some(
      (other) => other !== this.backend && isThere(other.obstacle(tasks, priority > 0)) && isProven(other),
    )
  }
}
