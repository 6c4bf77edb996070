import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { RequestEvent, RouterStatus } from '../router/router.ts'
import type { BackendEvent } from '../router/select-backend.ts'
import { Count, type Description, Durations, type Family, type Home } from './families.ts'
import {
  attemptOutcomeOf,
  inputOf,
  ModelNames,
  NONE,
  outcomeOf,
  type RequestOutcome,
  TaskNames,
} from './labels.ts'

/** What tells one kind of request from another; `model` by option. */
const KIND = ['route', 'backend', 'task', 'input'] as const
type Kind = (typeof KIND)[number]

/** The labels of a backend as a whole, among those of its tasks and types. */
const WHOLE = { task: 'all', type: 'all' }

export interface RecordOptions {
  /** Whether models are a label. */
  readonly models: boolean
  /** Upper bounds of durations, in seconds. */
  readonly buckets: readonly number[]
  /** Those of waiting until a backend is there. */
  readonly longBuckets: readonly number[]
}

/** The metrics that are written as things happen. */
export class Records {
  readonly #tasks = new TaskNames()
  readonly #models: ModelNames | undefined
  readonly #families: Pick<Family, 'prune'>[] = []
  readonly #requests: Count<Kind | 'outcome'>
  readonly #duration: Durations<Kind>
  readonly #firstByte: Durations<Kind>
  readonly #queue: Durations<'route'>
  readonly #hold: Durations<'route'>
  readonly #received: Count<'route'>
  readonly #sent: Count<'route'>
  readonly #heartbeats: Count<'route'>
  readonly #retries: Count<'route'>
  readonly #hedges: Count<'route' | 'result'>
  readonly #attempts: Count<'backend' | 'outcome'>
  readonly #attemptDuration: Durations<'backend' | 'task' | 'input'>
  readonly #connect: Durations<'backend'>
  readonly #ejections: Count<'backend' | 'task' | 'type'>

  constructor(home: Home, { models, buckets, longBuckets }: RecordOptions) {
    const kind = models ? ([...KIND, 'model'] as const) : KIND
    this.#models = models ? new ModelNames() : undefined
    const count = <N extends string>(description: Description<N>) => this.#added(new Count(home, description))
    const durations = <N extends string>(description: Description<N>, bounds = buckets) =>
      this.#added(new Durations(home, description, bounds))
    this.#requests = count({
      name: 'requests_total',
      help: 'Predict requests that are over, by what became of them.',
      labels: [...kind, 'outcome'],
    })
    this.#duration = durations({
      name: 'request_duration_seconds',
      help: 'From the arrival of a request to the end of its answer, of those that a backend has answered.',
      labels: kind,
    })
    this.#firstByte = durations({
      name: 'first_byte_duration_seconds',
      help: 'From the arrival of a request to the first byte of its answer, of those that a backend has answered.',
      labels: kind,
    })
    this.#queue = durations({
      name: 'queue_duration_seconds',
      help: 'How long requests waited for a slot of backends that were full, of those that had to.',
      labels: ['route'],
    })
    this.#hold = durations(
      {
        name: 'hold_duration_seconds',
        help: 'How long requests waited for backends that could not be used, of those that had to.',
        labels: ['route'],
      },
      longBuckets,
    )
    this.#received = count({
      name: 'request_bytes_total',
      help: 'Bytes of the bodies of requests that arrived.',
      labels: ['route'],
    })
    this.#sent = count({
      name: 'response_bytes_total',
      help: 'Bytes of the bodies of answers that backends gave to clients.',
      labels: ['route'],
    })
    this.#heartbeats = count({
      name: 'heartbeats_total',
      help: 'Signs of life that clients were sent while they waited.',
      labels: ['route'],
    })
    this.#retries = count({
      name: 'retries_total',
      help: 'Further attempts that were made since one had failed.',
      labels: ['route'],
    })
    this.#hedges = count({
      name: 'hedges_total',
      help: 'Further copies that were sent since a request was late, by whether they were answered first.',
      labels: ['route', 'result'],
    })
    this.#attempts = count({
      name: 'attempts_total',
      help: 'Attempts on backends, by their outcome: several for a request that was tried again or hedged.',
      labels: ['backend', 'outcome'],
    })
    this.#attemptDuration = durations({
      name: 'attempt_duration_seconds',
      help: 'How long attempts took that a backend has answered: requests without their waiting.',
      labels: ['backend', 'task', 'input'],
    })
    this.#connect = durations({
      name: 'connect_duration_seconds',
      help: 'How long attempts took to get a connection, of those that got one; next to nothing where it was open.',
      labels: ['backend'],
    })
    this.#ejections = count({
      name: 'ejections_total',
      help: 'Ejections of servers of a backend, as a whole (task and type "all") or for a task and type.',
      labels: ['backend', 'task', 'type'],
    })
  }

  /** A request is over. */
  request(event: RequestEvent): void {
    const { classification, steps } = event
    const route = event.route ?? NONE
    const backend = event.backend?.name ?? NONE
    const task = this.#tasks.of(classification)
    const input = inputOf(classification)
    const outcome = outcomeOf(event)
    const kind = { route, backend, task, input, ...this.#modelLabel(event, outcome) }
    this.#requests.add({ ...kind, outcome })
    if (event.outcome?.kind === 'answered') {
      this.#duration.observe(kind, steps.total)
      if (steps.firstByte !== undefined) this.#firstByte.observe(kind, steps.firstByte)
    }
    if (steps.queue > 0) this.#queue.observe({ route }, steps.queue)
    if (steps.hold > 0) this.#hold.observe({ route }, steps.hold)
    if (event.bodySize > 0) this.#received.add({ route }, event.bodySize)
    if (event.responseSize > 0) this.#sent.add({ route }, event.responseSize)
    if (event.heartbeats > 0) this.#heartbeats.add({ route }, event.heartbeats)
    this.#countAttempts(event.attempts, route, task, input)
  }

  /** Something has changed about a backend. */
  backend(event: BackendEvent): void {
    if (event.kind !== 'breaker' || event.to.kind !== 'open') return
    const what = event.task === undefined ? WHOLE : this.#tasks.partsOf(event.task)
    this.#ejections.add({ backend: event.backend, ...what })
  }

  /**
   * Takes over which routes, backends and tasks there are: what is gone has no series any more, and what is new has those
   * that it is bound to have.
   */
  heed({ routes, backends, tasks }: RouterStatus): void {
    this.#tasks.know(tasks)
    const routeNames = new Set([NONE, ...routes.map(({ name }) => name)])
    const backendNames = new Set([NONE, ...backends.map(({ name }) => name)])
    for (const family of this.#families)
      family.prune(({ route = NONE, backend = NONE }) => routeNames.has(route) && backendNames.has(backend))
    const perRoute = [this.#received, this.#sent, this.#heartbeats, this.#retries, this.#queue, this.#hold]
    for (const { name: route } of routes) {
      for (const family of perRoute) family.begin({ route })
      for (const result of ['won', 'lost']) this.#hedges.begin({ route, result })
    }
    for (const { name: backend } of backends) {
      this.#attempts.begin({ backend, outcome: 'answered' })
      this.#connect.begin({ backend })
      this.#ejections.begin({ backend, ...WHOLE })
    }
  }

  #added<F extends Pick<Family, 'prune'>>(family: F): F {
    this.#families.push(family)
    return family
  }

  #modelLabel({ classification }: RequestEvent, outcome: RequestOutcome): { readonly model?: string } {
    return this.#models === undefined ? {} : { model: this.#models.of(classification, outcome) }
  }

  #countAttempts(attempts: readonly AttemptRecord[], route: string, task: string, input: string): void {
    for (const { backend, outcome, connect, time, hedge } of attempts) {
      this.#attempts.add({ backend, outcome: attemptOutcomeOf(outcome) })
      if (connect !== undefined) this.#connect.observe({ backend }, connect)
      if (outcome.kind === 'answered') this.#attemptDuration.observe({ backend, task, input }, time)
      if (hedge) this.#hedges.add({ route, result: outcome.reachedClient ? 'won' : 'lost' })
    }
    const retries = attempts.filter(({ hedge }) => !hedge).length - 1
    if (retries > 0) this.#retries.add({ route }, retries)
  }
}
