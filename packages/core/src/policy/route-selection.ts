import type { Backend } from '../backend/backend.ts'
import type { Obstacle } from '../backend/health.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { HoldError, NoBackendError } from '../errors.ts'
import { WaitingLine } from '../hold/waiting-line.ts'
import { leastBy } from '../strategy/least-by.ts'
import type { CompiledRoute } from './compile-policy.ts'
import type { HoldEvent, Lease, Place } from './lease.ts'

export interface SelectOptions {
  /** Aborting it gives up the selection. */
  readonly signal?: AbortSignal | undefined
  /** Names of backends that must not be chosen, such as those already tried. */
  readonly exclude?: Iterable<string> | undefined
  /** Names of backends that are chosen only when there is no other. */
  readonly avoid?: Iterable<string> | undefined
  /** Whether it was tried elsewhere before: then a backend is preferred on which nothing has failed of late. */
  readonly retry?: boolean | undefined
  /** When the request has to be over, on the clock. */
  readonly deadline?: number | undefined
  /** Its place among those that wait: that of its first selection. */
  readonly place?: Place | undefined
  /** Called at once when it has to wait, with what gives that up: the selection then fails with this error. */
  readonly onWait?: ((leave: (error: Error) => void) => void) | undefined
}

/** What there is to choose from for one request. */
interface Choice {
  readonly tasks: readonly string[]
  readonly candidates: readonly Backend[]
  readonly avoid: ReadonlySet<string>
  readonly retry: boolean
  readonly place: Place
}

/** What stands in the way of each candidate: seen once, since the time alone can change it. */
type Look = readonly { readonly backend: Backend; readonly obstacle: Obstacle | undefined }[]

/** How bad it is to use a backend all the same, from the least bad. */
const BADNESS: readonly Obstacle['kind'][] = ['recovering', 'busy', 'ejected', 'down', 'lacks', 'disabled']

/** One route: chooses one of its backends now, or makes the request wait for one. */
export class RouteSelection {
  readonly route: CompiledRoute
  readonly #clock: Clock
  readonly #line: WaitingLine<Lease>
  readonly #onHold: ((event: HoldEvent) => void) | undefined
  #arrivals = 0
  #closed: Error | undefined

  constructor(route: CompiledRoute, clock: Clock, onHold: ((event: HoldEvent) => void) | undefined) {
    this.route = route
    this.#clock = clock
    this.#onHold = onHold
    this.#line = new WaitingLine(clock)
  }

  /** Requests that wait. */
  get held(): number {
    return this.#line.length
  }

  /** Whether one more request may wait. */
  get holds(): boolean {
    const { hold } = this.route
    return hold !== undefined && this.#closed === undefined && this.held < hold.maxHeld
  }

  async select(tasks: readonly string[], options: SelectOptions): Promise<Lease> {
    const { route } = this
    const exclude = new Set(options.exclude)
    const serving = route.backends.filter((backend) => backend.serves(tasks))
    const candidates = serving.filter(({ name }) => !exclude.has(name))
    if (candidates.length === 0) throw this.#nobody(tasks, serving, exclude)
    const choice: Choice = {
      tasks,
      candidates,
      avoid: new Set(options.avoid),
      retry: options.retry ?? false,
      place: options.place ?? { arrival: ++this.#arrivals, since: this.#clock.now() },
    }
    // Those who wait come first; whom there is nothing for now does not keep others back.
    this.#line.poke()
    const seen = look(choice)
    const lease = this.#choose(choice, seen)
    if (lease !== undefined) return lease
    // What nobody has, nobody will have by waiting.
    const lacking = seen.every(({ obstacle }) => obstacle?.kind === 'lacks')
    if (route.hold !== undefined && !lacking) return this.#wait(choice, options)
    const least = this.#leastBad(choice, seen)
    if (least !== undefined) return least
    throw new NoBackendError(route.name, `${list(candidates)} drained`)
  }

  /** Something has changed about a backend. */
  poke(backend: Backend): void {
    if (this.#line.length > 0 && this.route.backends.includes(backend)) this.#line.poke()
  }

  close(error: Error): void {
    this.#closed = error
    this.#line.close(error)
  }

  #nobody(tasks: readonly string[], serving: readonly Backend[], exclude: ReadonlySet<string>): Error {
    if (serving.length === 0)
      return new NoBackendError(this.route.name, `none of its backends serves ${tasks.join(' and ')}`)
    const excluded = serving.filter(({ name }) => exclude.has(name))
    return new NoBackendError(this.route.name, `${list(excluded)} excluded`)
  }

  /** A lease on the best backend that can be used now. */
  #choose(choice: Choice, seen: Look): Lease | undefined {
    const { avoid, retry } = choice
    const available = seen.flatMap(({ backend, obstacle }) => (obstacle === undefined ? [backend] : []))
    const fresh = available.filter(({ name }) => !avoid.has(name))
    const best = isNonEmpty(fresh) ? fresh : available
    const proven = retry ? best.filter(isProven) : best
    const from = isNonEmpty(proven) ? proven : best
    if (!isNonEmpty(from)) return undefined
    const backend = this.route.strategy.pick(from)
    this.#wantBetter(choice, backend)
    return this.#lease(choice, backend)
  }

  /** With all of them unusable, one is tried rather than none. */
  #leastBad(choice: Choice, seen: Look): Lease | undefined {
    const obstacles = seen.flatMap(({ backend, obstacle }) =>
      obstacle === undefined || obstacle.kind === 'disabled' ? [] : [{ backend, obstacle }],
    )
    if (!isNonEmpty(obstacles)) return undefined
    const worst = leastBy(obstacles, ({ obstacle }) => BADNESS.indexOf(obstacle.kind)).obstacle.kind
    const equals = obstacles.filter(({ obstacle }) => obstacle.kind === worst)
    if (!isNonEmpty(equals)) return undefined
    const { backend } = leastBy(equals, ({ obstacle }) => obstacle.until)
    for (const { backend: candidate } of obstacles) candidate.want()
    return this.#lease(choice, backend)
  }

  /** Those that the strategy would rather have had, and that are down, are wanted. */
  #wantBetter({ candidates }: Choice, chosen: Backend): void {
    const better =
      this.route.strategy.ordered === true ? candidates.slice(0, candidates.indexOf(chosen)) : candidates
    for (const backend of better) if (backend !== chosen) backend.want()
  }

  #lease({ tasks, candidates, place }: Choice, backend: Backend): Lease {
    const { route } = this
    return {
      backend,
      route: route.name,
      timeouts: route.timeoutsOf(backend),
      retries: route.retries,
      others: candidates.length - 1,
      place,
      provenOther: () =>
        candidates.some(
          (other) => other !== backend && other.obstacle(tasks) === undefined && isProven(other),
        ),
      holds: this.#closed === undefined && route.hold !== undefined,
      ...backend.reserve(tasks),
    }
  }

  async #wait(choice: Choice, options: SelectOptions): Promise<Lease> {
    const { hold, name } = this.route
    if (this.#closed !== undefined) throw this.#closed
    if (hold === undefined) throw new TypeError('this route does not hold')
    if (!this.holds)
      throw new HoldError('hold-full', `${this.held} requests wait for a backend of route "${name}" already.`)
    const { arrival, since } = choice.place
    const began = this.#clock.now()
    const endings = choice.candidates.map((backend) => backend.wait())
    const leaving = new AbortController()
    options.onWait?.((error) => leaving.abort(error))
    const tell = (kind: HoldEvent['kind'], error?: Error) =>
      this.#onHold?.({ route: name, kind, error, time: this.#clock.now() - began, held: this.held })
    const attempt = () => {
      const seen = look(choice)
      const got = this.#choose(choice, seen)
      if (got !== undefined) return { got }
      return { again: Math.min(...seen.map(({ obstacle }) => obstacle?.until ?? 0)) }
    }
    const line = this.#line.wait(attempt, {
      arrival,
      deadline: Math.min(since + hold.time, options.deadline ?? Number.POSITIVE_INFINITY),
      late: () =>
        new HoldError(
          'hold-expired',
          `No backend of route "${name}" could be used in time: ${list(choice.candidates)} unavailable.`,
        ),
      signal:
        options.signal === undefined ? leaving.signal : AbortSignal.any([options.signal, leaving.signal]),
    })
    tell('held')
    try {
      const lease = await line
      tell('released')
      return lease
    } catch (error) {
      tell('gave-up', error instanceof Error ? error : undefined)
      throw error
    } finally {
      for (const end of endings) end()
    }
  }
}

function look({ candidates, tasks }: Choice): Look {
  return candidates.map((backend) => ({ backend, obstacle: backend.obstacle(tasks) }))
}

/** Nothing has failed there for as long as retries are counted. */
function isProven(backend: Backend): boolean {
  return backend.wellFor(defaults.retryBudgetWindow)
}

function list(backends: readonly Backend[]): string {
  const names = backends.map(({ name }) => name).join(', ')
  return `${names} ${backends.length > 1 ? 'are' : 'is'}`
}

function isNonEmpty<T>(items: readonly T[]): items is readonly [T, ...T[]] {
  return items.length > 0
}
