import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RequestEvent, RouterStatus } from '../router/router.ts'
import { Count, type Description, Durations, type MetricContext } from './families.ts'
import { attemptOutcomeOf, ModelNames, NONE, outcomeOf, type RequestOutcome, TaskNames } from './labels.ts'

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

/** Creates the metrics of {@link Records}. */
interface MetricFactory {
  count<N extends string>(description: Description<N>): Count<N>
  /** @param buckets Upper bounds in seconds; by default those of all durations. */
  durations<N extends string>(description: Description<N>, buckets?: readonly number[]): Durations<N>
}

function requestMetrics({ count, durations }: MetricFactory, { models, longBuckets }: RecordOptions) {
  const labels = models ? ([...REQUEST_LABELS, 'model'] as const) : REQUEST_LABELS
  return {
    requests: count<RequestLabel | 'outcome'>({
      name: 'requests_total',
      help: 'Completed predict requests, by outcome.',
      labels: [...labels, 'outcome'],
    }),
    duration: durations<RequestLabel>({
      name: 'request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, for requests that a backend answered.',
      labels,
    }),
    firstByte: durations<RequestLabel>({
      name: 'first_byte_duration_seconds',
      help: 'Time from the arrival of a request to the first byte of its answer, for requests that a backend answered.',
      labels,
    }),
    queue: durations({
      name: 'queue_duration_seconds',
      help: 'Time that queued requests waited for a backend below its concurrency limit.',
      labels: ['route'],
    }),
    hold: durations(
      {
        name: 'hold_duration_seconds',
        help: 'Time that held requests waited for an available backend.',
        labels: ['route'],
      },
      longBuckets,
    ),
    received: count({
      name: 'request_bytes_total',
      help: 'Bytes of request bodies received.',
      labels: ['route'],
    }),
    sent: count({
      name: 'response_bytes_total',
      help: 'Bytes of response bodies passed on to clients.',
      labels: ['route'],
    }),
    heartbeats: count({
      name: 'heartbeats_total',
      help: 'Heartbeats sent to waiting clients.',
      labels: ['route'],
    }),
  }
}

function attemptMetrics({ count, durations }: MetricFactory) {
  return {
    retries: count({ name: 'retries_total', help: 'Retries after a failed attempt.', labels: ['route'] }),
    hedges: count({
      name: 'hedges_total',
      help: 'Hedged attempts, by result: won when the client got the answer of the hedge.',
      labels: ['route', 'result'],
    }),
    attempts: count({
      name: 'attempts_total',
      help: 'Attempts on backends, by outcome; a retried or hedged request has several.',
      labels: ['backend', 'outcome'],
    }),
    attemptDuration: durations({
      name: 'attempt_duration_seconds',
      help: 'Duration of answered attempts, without the time in the queue.',
      labels: ['backend', 'task', 'input'],
    }),
    connect: durations({
      name: 'connect_duration_seconds',
      help: 'Time until an attempt had a connection; near 0 for a reused connection.',
      labels: ['backend'],
    }),
    ejections: count({
      name: 'ejections_total',
      help: 'Ejections of endpoints of a backend: as a whole (task and type "all"), or for a task and type.',
      labels: ['backend', 'task', 'type'],
    }),
    canaries: count({
      name: 'canaries_total',
      help: 'Requests of the router itself that find out whether a backend works, by result.',
      labels: ['backend', 'result'],
    }),
  }
}

/** The counters and histograms, updated on each event of the router. */
export class Records {
  readonly #tasks = new TaskNames()
  readonly #models: ModelNames | undefined
  readonly #metrics: ReturnType<typeof requestMetrics> & ReturnType<typeof attemptMetrics>

  constructor(context: MetricContext, options: RecordOptions) {
    this.#models = options.models ? new ModelNames() : undefined
    const factory: MetricFactory = {
      count: (description) => new Count(context, description),
      durations: (description, buckets = options.buckets) => new Durations(context, description, buckets),
    }
    this.#metrics = { ...requestMetrics(factory, options), ...attemptMetrics(factory) }
  }

  /** Counts a completed request. */
  request(event: RequestEvent): void {
    const metrics = this.#metrics
    const { classification, steps } = event
    const route = event.route ?? NONE
    const backend = event.backend?.name ?? NONE
    const task = this.#tasks.of(classification)
    // It tells a search from an image index job, which have the same task.
    const input = classification?.input ?? NONE
    const outcome = outcomeOf(event)
    const kind = { route, backend, task, input, ...this.#modelLabel(event, outcome) }
    metrics.requests.add({ ...kind, outcome })
    if (event.outcome?.kind === 'answered') {
      metrics.duration.observe(kind, steps.total)
      if (steps.firstByte !== undefined) metrics.firstByte.observe(kind, steps.firstByte)
    }
    if (steps.queue > 0) metrics.queue.observe({ route }, steps.queue)
    if (steps.hold > 0) metrics.hold.observe({ route }, steps.hold)
    if (event.bodySize > 0) metrics.received.add({ route }, event.bodySize)
    if (event.responseSize > 0) metrics.sent.add({ route }, event.responseSize)
    if (event.heartbeats > 0) metrics.heartbeats.add({ route }, event.heartbeats)
    this.#countAttempts(event.attempts, route, task, input)
  }

  /** Counts ejections and canaries. */
  backend(event: BackendEvent): void {
    if (event.kind === 'canary')
      this.#metrics.canaries.add({ backend: event.backend, result: event.result.kind })
    if (event.kind !== 'breaker' || event.to.kind !== 'open') return
    const what = event.task === undefined ? WHOLE : this.#tasks.partsOf(event.task)
    this.#metrics.ejections.add({ backend: event.backend, ...what })
  }

  /** Drops the series of removed routes and backends, and creates those of new ones with the value 0. */
  sync({ routes, backends, tasks }: RouterStatus): void {
    const metrics = this.#metrics
    this.#tasks.configure(tasks)
    const routeNames = new Set([NONE, ...routes.map(({ name }) => name)])
    const backendNames = new Set([NONE, ...backends.map(({ name }) => name)])
    for (const family of Object.values(metrics))
      family.prune(({ route = NONE, backend = NONE }) => routeNames.has(route) && backendNames.has(backend))
    const perRoute = [
      metrics.received,
      metrics.sent,
      metrics.heartbeats,
      metrics.retries,
      metrics.queue,
      metrics.hold,
    ]
    for (const { name: route } of routes) {
      for (const family of perRoute) family.begin({ route })
      for (const result of ['won', 'lost']) metrics.hedges.begin({ route, result })
    }
    for (const { name: backend } of backends) {
      metrics.attempts.begin({ backend, outcome: 'answered' })
      metrics.connect.begin({ backend })
      metrics.ejections.begin({ backend, ...WHOLE })
      for (const result of ['passed', 'failed', 'unknown']) metrics.canaries.begin({ backend, result })
    }
  }

  #modelLabel({ classification }: RequestEvent, outcome: RequestOutcome): { readonly model?: string } {
    return this.#models === undefined ? {} : { model: this.#models.of(classification, outcome) }
  }

  #countAttempts(attempts: readonly AttemptRecord[], route: string, task: string, input: string): void {
    const metrics = this.#metrics
    for (const { backend, outcome, connect, time, hedge } of attempts) {
      metrics.attempts.add({ backend, outcome: attemptOutcomeOf(outcome) })
      if (connect !== undefined) metrics.connect.observe({ backend }, connect)
      if (outcome.kind === 'answered') metrics.attemptDuration.observe({ backend, task, input }, time)
      if (hedge) metrics.hedges.add({ route, result: outcome.reachedClient ? 'won' : 'lost' })
    }
    const retries = attempts.filter(({ hedge }) => !hedge).length - 1
    if (retries > 0) metrics.retries.add({ route }, retries)
  }
}
