import type { Backend } from '../backend/backend.ts'
import type { Classification } from '../classify/classification.ts'
import { defaults } from '../config/defaults.ts'
import { longer, mostBulkHeld, type Patience, type Queue } from '../config/patience.ts'
import { HoldError, type RouterError } from '../errors.ts'
import { explainRoute } from '../explain/explain-route.ts'
import type { RouteExplanation } from '../explain/explanation.ts'
import type { Try } from '../queue/waiting-line.ts'
import { Candidates } from './candidates.ts'
import type { CompiledRoute } from './compile-policy.ts'
import { allOut, isProven, leastBadOf, nobody, preferred, waitingHelps, waitsFor } from './decide.ts'
import { type JobNames, type Jobs, keysOf, namesOf } from './jobs.ts'
import type { HoldEvent, Lease, Place } from './lease.ts'
import { type Choice, isFull, type Look, look, narrowed } from './look.ts'
import { RouteLease, type RoutesInForce } from './route-lease.ts'
import { RouteWait, type WaitingRoom, type WaitingRoute, type WaitOptions } from './route-wait.ts'
import { RouteWaits } from './route-waits.ts'
import { type Survey, survey } from './survey.ts'

export interface SelectOptions extends WaitOptions {
  /** Aborting it gives up the selection. */
  readonly signal?: AbortSignal | undefined
  /** Names of backends, and ids of servers, that must not be chosen, such as those already tried. */
  readonly exclude?: Iterable<string> | undefined
  /**
   * Whether an excluded backend may be chosen after all, once the request waits and no other candidate is left to wait for.
   * @default false
   */
  readonly relaxes?: boolean | undefined
  /** Names of backends, and ids of servers, that are chosen only when there is no other. */
  readonly avoid?: Iterable<string> | undefined
  /** Whether it was tried elsewhere before: then a backend is preferred on which nothing has failed of late. */
  readonly retry?: boolean | undefined
  /** Its place among those that wait: that of its first selection. */
  readonly place?: Place | undefined
  /**
   * When it may be sent at the earliest, on the clock: until then it waits as if no backend were available.
   * @default at once
   */
  readonly notBefore?: number | undefined
  /**
   * Bytes of its body, as far as they are known: a proxy in front of a backend may refuse large ones.
   * @default unknown
   */
  readonly size?: (() => number) | undefined
  /**
   * Whether the whole request is here. One that is still arriving gets no slot that others wait for, lest a slow client
   * keeps it from them.
   * @default always
   */
  readonly isReady?: (() => boolean) | undefined
  /** Told what is about to be decided, and why: at once, and each time that it is looked at again while it waits. */
  readonly onDecision?: ((explanation: RouteExplanation) => void) | undefined
}

/** What a decision can be explained for. */
export type ExplainOptions = Pick<SelectOptions, 'exclude' | 'avoid' | 'retry'>

const NONE: ReadonlySet<string> = new Set()
const unknownSize = () => 0

/** What all routes share, whatever the policy. */
export interface Shared extends WaitingRoom, RoutesInForce {
  readonly jobs: Jobs
  /** When the last request came, on the clock. */
  readonly lastArrival: number
  /** What those are told who would have to wait, once nobody does any more. */
  readonly closed: RouterError | undefined
  /** Whether only requests that were tried before get a lease, see {@link Select.suspend}. */
  readonly suspended: boolean
  select(classification: Classification, options: SelectOptions): Promise<Lease>
}

/** What is the same for all routes of a policy. */
export interface Rules {
  readonly queue: Queue
  /** The highest priority that a request can have. */
  readonly mostUrgent: number
}

/** One route: chooses one of its backends now, or makes the request wait for one. */
export class RouteSelection implements WaitingRoute {
  readonly route: CompiledRoute
  readonly waits = new RouteWaits<RouteWait>()
  readonly #rules: Rules
  readonly #shared: Shared
  readonly #patience: Readonly<Record<'bulk' | 'interactive', Patience>>

  constructor(route: CompiledRoute, rules: Rules, shared: Shared) {
    this.route = route
    this.#rules = rules
    this.#shared = shared
    const { maxWait } = rules.queue
    this.#patience = {
      bulk: { hold: route.hold?.bulk, maxWait },
      interactive: { hold: route.hold?.interactive, maxWait },
    }
  }

  /** Requests that wait, by why they began to. */
  get heldFor(): Readonly<Record<HoldEvent['reason'], number>> {
    const { held, size } = this.waits
    return { full: size - held, unavailable: held }
  }

  /** Whether one more request of either class may be held. */
  get holds(): boolean {
    return this.#shared.closed === undefined && (this.#mayHold(false) || this.#mayHold(true))
  }

  #mayHold(isInteractive: boolean): boolean {
    const { hold } = this.route
    if (hold === undefined) return false
    const { held, heldBulk } = this.waits
    return held < hold.maxHeld && (isInteractive || heldBulk < mostBulkHeld(hold))
  }

  select(classification: Classification, place: Place, options: SelectOptions): Lease | Promise<Lease> {
    const names = this.#shared.jobs.of(classification)
    const choice = this.#choiceOf(classification, names, place, options)
    choice.onDecision?.(this.#explain(choice, options.place === undefined))
    if (choice.candidates.now.length === 0) throw nobody(this.route, choice)
    if (this.#isSuspended(choice)) return this.#wait(choice, true, options)
    if (this.#shared.clock.now() < choice.notBefore) return this.#wait(choice, false, options)
    const seen = this.#survey(choice)
    const got = this.#choose(choice, seen)
    if (got !== undefined) return got
    if (seen.full) return this.#wait(choice, true, options)
    const closer = look(choice)
    return this.#makeDo(choice, closer) ?? this.#wait(choice, isFull(closer), options)
  }

  /** What would be decided now, and why. It changes nothing. */
  explain(classification: Classification, place: Place, options: ExplainOptions): RouteExplanation {
    const choice = this.#choiceOf(classification, namesOf(classification.entries), place, options)
    return this.#explain(choice, true)
  }

  #choiceOf(classification: Classification, names: JobNames, place: Place, options: SelectOptions): Choice {
    const { route } = this
    const { tasks } = classification
    const exclude = options.exclude === undefined ? NONE : new Set(options.exclude)
    const priority = route.priorityOf(classification)
    return {
      classification,
      route,
      patience: this.#patienceAt(place, priority),
      tasks,
      kind: names.kind,
      models: names.models,
      job: keysOf(names, classification, options.size ?? unknownSize),
      priority,
      candidates: new Candidates(route.members, tasks, exclude),
      exclude,
      avoid: options.avoid === undefined ? NONE : new Set(options.avoid),
      retry: options.retry ?? false,
      isReady: options.isReady ?? (() => true),
      notBefore: options.notBefore ?? 0,
      relaxes: options.relaxes ?? false,
      place,
      onDecision: options.onDecision,
    }
  }

  takeOver(choice: Choice): Choice {
    const { route } = this
    const { classification, tasks, exclude, place } = choice
    const priority = route.priorityOf(classification)
    return {
      ...choice,
      route,
      patience: this.#patienceAt(place, priority),
      priority,
      candidates: new Candidates(route.members, tasks, exclude),
    }
  }

  #patienceAt({ patience }: Place, priority: number): Patience {
    const own = this.#patience[priority > 0 ? 'interactive' : 'bulk']
    return patience === undefined ? own : longer(patience, own)
  }

  #explain(choice: Choice, isNew: boolean): RouteExplanation {
    const { clock, line, lastArrival } = this.#shared
    const now = clock.now()
    return explainRoute(this.route, choice, {
      now,
      ahead: line.countOf(this.headStartOf(choice)),
      sinceLast: isNew ? 0 : now - lastArrival,
      held: this.waits.size,
      noRoom: (reason) => this.#noRoom(choice, reason, isNew),
    })
  }

  /** Why it may not wait; `undefined` when it may. */
  #noRoom({ priority }: Choice, reason: HoldEvent['reason'], isNew: boolean): RouterError | undefined {
    const { closed, queued } = this.#shared
    if (closed !== undefined) return closed
    // A request that was let in once is not refused when it is retried.
    if (!isNew) return undefined
    if (reason === 'full') return queued.size < this.#rules.queue.maxLength ? undefined : this.#queueFull()
    return this.#mayHold(priority > 0) ? undefined : this.#holdFull()
  }

  /** A lease for a further copy of a request that has one, where it can go now. */
  spare(choice: Choice, used: readonly string[]): Lease | undefined {
    if (this.route.hedge === undefined) return undefined
    const unused = choice.candidates.now.filter(
      (backend) => !used.includes(backend.id) && !backend.isRare(choice.job),
    )
    return this.#choose(choice, survey(choice, narrowed(choice, unused, isProven), this.route))
  }

  /**
   * The least bad backend, when there is nothing better to wait for.
   *
   * @returns `undefined` when waiting helps: for those that are full it always does, for the others when it may be held.
   * @throws {NoBackendError} when every one of them is drained, has no address, or was tried in vain since the request came.
   */
  #makeDo(choice: Choice, seen: Look): Lease | undefined {
    if (seen.length === 0) throw nobody(this.route, choice)
    if (waitingHelps(seen, choice)) return undefined
    for (const { backend } of seen) backend.want()
    const backend = leastBadOf(seen, choice)
    if (backend !== undefined) return this.#lease(choice, backend)
    const out = allOut(seen, this.route, choice)
    if (out !== undefined) throw out
    return undefined
  }

  #survey(choice: Choice): Survey {
    return survey(choice, preferred(choice), this.route)
  }

  /** A lease on the best backend that can be used now. */
  #choose(choice: Choice, { candidates, free }: Survey): Lease | undefined {
    if (!free) return undefined
    const { kind, models, priority } = choice
    const { strategy } = this.route
    const queued = this.#shared.line.countOf(this.headStartOf(choice))
    const sinceLast = this.#shared.clock.now() - this.#shared.lastArrival
    const [best] = strategy.rank(candidates, { kind, models, queued, urgent: priority > 0, sinceLast })
    const chosen = candidates.find(({ backend }) => backend === best?.backend)
    if (chosen === undefined || chosen.isFull) return undefined
    const { backend } = chosen
    strategy.picked?.(backend)
    this.#wantBetter(choice, backend)
    return this.#lease(choice, backend)
  }

  /** Those that the strategy would rather have had, and that are down, are wanted. */
  #wantBetter({ candidates }: Choice, chosen: Backend): void {
    const ordered = this.route.madeBy === 'first'
    for (const backend of candidates.now) {
      if (backend !== chosen) backend.want()
      else if (ordered) return
    }
  }

  #lease(choice: Choice, backend: Backend): Lease {
    return new RouteLease(this.#shared, choice, backend, this.#shared.closed === undefined)
  }

  #wait(choice: Choice, full: boolean, options: SelectOptions): Promise<Lease> {
    // A listener may have reloaded when it was told that a backend is wanted.
    if (this.#shared.renewed(choice) !== choice)
      return this.#shared.select(choice.classification, { ...options, place: choice.place })
    const noRoom = this.#noRoom(choice, waitsFor(choice.patience, full), options.place === undefined)
    if (noRoom !== undefined) throw noRoom
    return new RouteWait(this.#shared, this, choice, full, options).lease()
  }

  headStartOf({ priority }: Choice): number {
    const { mostUrgent, queue } = this.#rules
    return ((priority / mostUrgent) * Math.min(queue.maxWait, defaults.longestHeadStart)) / 2
  }

  try(choice: Choice): ReturnType<Try<Lease>> {
    if (!choice.isReady() || this.#isSuspended(choice)) return { again: Number.POSITIVE_INFINITY }
    if (this.#shared.clock.now() < choice.notBefore) return { again: choice.notBefore }
    choice.onDecision?.(this.#explain(choice, false))
    const seen = this.#survey(choice)
    const got = this.#choose(choice, seen) ?? (seen.full ? undefined : this.#makeDo(choice, look(choice)))
    if (got !== undefined) return { got }
    if (!seen.free) return { again: seen.until }
    // A strategy that waits although a candidate is free may take the free one when the wait gets too long.
    return { again: Math.min(seen.until, this.#shared.clock.now() + defaults.reconsiderInterval) }
  }

  #isSuspended({ retry }: Choice): boolean {
    return this.#shared.suspended && !retry
  }

  #queueFull(): HoldError {
    const { size } = this.#shared.queued
    return new HoldError('queue-full', `${counted(size)} queued for a slot (queue.maxLength).`)
  }

  #holdFull(): HoldError {
    const { waits, route } = this
    return new HoldError('hold-full', `Route "${route.name}" holds ${counted(waits.held)} (hold.maxHeld).`)
  }
}

function counted(count: number): string {
  return `${count} request${count === 1 ? '' : 's'}`
}
