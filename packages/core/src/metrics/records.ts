import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { RequestEvent, RouterStatus } from '../router/router.ts'
import type { BackendEvent } from '../router/select-backend.ts'
import { Count, type Description, Durations, type Family, type MetricContext } from './families.ts'
import {
  attemptOutcomeOf,
  inputOf,
  ModelNames,
  NONE,
  outcomeOf,
  type RequestOutcome,
  TaskNames,
} from './labels.ts'

/** The labels of a request; `model` is optional. */
const REQUEST_LABELS = ['route', 'backend', 'task', 'input'] as const
type RequestLabel = (typeof REQUEST_LABELS)[number]

/** The labels of an ejection of a whole backend. */
const WHOLE = { task: 'all', type: 'all' }

export interface RecordOptions {
  /** Whether requests have the label `model`. */
  readonly models: boolean
  /** Upper bounds of durations, in seconds. */
  readonly buckets: readonly number[]
  /** Upper bounds of the time that requests are held, in seconds. */
  readonly longBuckets: readonly number[]
}

/** The counters and histograms, updated on each event of the router. */
export class Records {
  readonly #tasks = new TaskNames()
  readonly #models: ModelNames | undefined
  readonly #families: Pick<Family, 'prune'>[] = []
  readonly #requests: Count<RequestLabel | 'outcome'>
  readonly #duration: Durations<RequestLabel>
  readonly #firstByte: Durations<RequestLabel>
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

  constructor(context: MetricContext, { models, buckets, longBuckets }: RecordOptions) {
    const kind = models ? ([...REQUEST_LABELS, 'model'] as const) : REQUEST_LABELS
    this.#models = models ? new ModelNames() : undefined
    const count = <N extends string>(description: Description<N>) =>
      this.#register(new Count(context, description))
    const durations = <N extends string>(description: Description<N>, bounds = buckets) =>
      this.#register(new Durations(context, description, bounds))
    this.#requests = count({
      name: 'requests_total',
      help: 'Completed predict requests, by outcome.',
      labels: [...kind, 'outcome'],
    })
    this.#duration = durations({
      name: 'request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, for requests that a backend answered.',
      labels: kind,
    })
    this.#firstByte = durations({
      name: 'first_byte_duration_seconds',
      help: 'Time from the arrival of a request to the first byte of its answer, for requests that a backend answered.',
      labels: kind,
    })
    this.#queue = durations({
      name: 'queue_duration_seconds',
      help: 'Time that queued requests waited for a backend below its concurrency limit.',
      labels: ['route'],
    })
    this.#hold = durations(
      {
        name: 'hold_duration_seconds',
        help: 'Time that held requests waited for an available backend.',
        labels: ['route'],
      },
      longBuckets,
    )
    this.#received = count({
      name: 'request_bytes_total',
      help: 'Bytes of request bodies received.',
      labels: ['route'],
    })
    this.#sent = count({
      name: 'response_bytes_total',
      help: 'Bytes of response bodies passed on to clients.',
      labels: ['route'],
    })
    this.#heartbeats = count({
      name: 'heartbeats_total',
      help: 'Heartbeats sent to waiting clients.',
      labels: ['route'],
    })
    this.#retries = count({
      name: 'retries_total',
      help: 'Retries after a failed attempt.',
      labels: ['route'],
    })
    this.#hedges = count({
      name: 'hedges_total',
      help: 'Hedged attempts, by result: won when the client got the answer of the hedge.',
      labels: ['route', 'result'],
    })
    this.#attempts = count({
      name: 'attempts_total',
      help: 'Attempts on backends, by outcome; a retried or hedged request has several.',
      labels: ['backend', 'outcome'],
    })
    this.#attemptDuration = durations({
      name: 'attempt_duration_seconds',
      help: 'Duration of answered attempts, without the time in the queue.',
      labels: ['backend', 'task', 'input'],
    })
    this.#connect = durations({
      name: 'connect_duration_seconds',
      help: 'Time until an attempt had a connection; near 0 for a reused connection.',
      labels: ['backend'],
    })
    this.#ejections = count({
      name: 'ejections_total',
      help: 'Ejections of endpoints of a backend: as a whole (task and type "all"), or for a task and type.',
      labels: ['backend', 'task', 'type'],
    })
  }

  /** Counts a completed request. */
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

  /** Counts ejections. */
  backend(event: BackendEvent): void {
    if (event.kind !== 'breaker' || event.to.kind !== 'open') return
    const what = event.task === undefined ? WHOLE : this.#tasks.partsOf(event.task)
    this.#ejections.add({ backend: event.backend, ...what })
  }

  /** Drops the series of removed routes and backends, and creates those of new ones with the value 0. */
  sync({ routes, backends, tasks }: RouterStatus): void {
    this.#tasks.configure(tasks)
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

  #register<F extends Pick<Family, 'prune'>>(family: F): F {
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
