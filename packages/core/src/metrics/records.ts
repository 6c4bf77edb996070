import { idOf } from '../backend/backend-view.ts'
import type { BackendUse } from '../backend/limit/concurrency-limit.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RequestEvent, RouterStatus } from '../router/router.ts'
import { Count, Durations, type LabelNames, type MetricContext } from './families.ts'
import {
  attemptOutcomeOf,
  ModelNames,
  NONE,
  outcomeOf,
  type RequestOutcome,
  TaskNames,
  TenantNames,
} from './labels.ts'

/** The labels of a request; `model` and `tenant` are optional. */
const REQUEST_LABELS = ['route', 'backend', 'task', 'input'] as const
type RequestLabel = (typeof REQUEST_LABELS)[number]

const NO_USE: BackendUse = { busy: 0, load: 0 }

/** The labels of an ejection of a whole backend. */
const WHOLE = { task: 'all', type: 'all' }

export interface RecordOptions {
  /** Whether requests have the label `model`. */
  readonly models: boolean
  /** Whether requests have the label `tenant`. */
  readonly tenants: boolean
  /** Upper bounds of durations, in seconds. */
  readonly buckets: readonly number[]
  /** Upper bounds of the time that requests are held, in seconds. */
  readonly longBuckets: readonly number[]
}

/** Creates the metrics of {@link Records}. */
interface MetricFactory {
  count<N extends string>(name: string, help: string, labels: LabelNames<N>): Count<N>
  /** @param upTo Upper bounds of its buckets in seconds; by default those of all durations. */
  durations<N extends string>(
    name: string,
    help: string,
    labels: LabelNames<N>,
    upTo?: readonly number[],
  ): Durations<N>
}

function requestMetrics({ count, durations }: MetricFactory, options: RecordOptions) {
  const { models, tenants, longBuckets } = options
  const labels: LabelNames<RequestLabel> = [
    ...REQUEST_LABELS,
    ...(models ? (['model'] as const) : []),
    ...(tenants ? (['tenant'] as const) : []),
  ]
  return {
    requests: count<RequestLabel | 'outcome'>('requests_total', 'Completed predict requests, by outcome.', [
      ...labels,
      'outcome',
    ]),
    duration: durations<RequestLabel>(
      'request_duration_seconds',
      'Time from the arrival of a request to the end of its answer, for requests that a backend answered.',
      labels,
    ),
    firstByte: durations<RequestLabel>(
      'first_byte_duration_seconds',
      'Time from the arrival of a request to the first byte of its answer, for requests that a backend answered.',
      labels,
    ),
    queue: durations(
      'queue_duration_seconds',
      'Time that queued requests waited for a backend below its concurrency limit.',
      ['route'],
    ),
    hold: durations(
      'hold_duration_seconds',
      'Time that held requests waited for an available backend.',
      ['route'],
      longBuckets,
    ),
    received: count('request_bytes_total', 'Bytes of request bodies received.', ['route']),
    sent: count('response_bytes_total', 'Bytes of response bodies passed on to clients.', ['route']),
    heartbeats: count('heartbeats_total', 'Heartbeats sent to waiting clients.', ['route']),
  }
}

function attemptMetrics({ count, durations }: MetricFactory) {
  return {
    retries: count('retries_total', 'Retries after a failed attempt.', ['route']),
    hedges: count(
      'hedges_total',
      'Hedged attempts, by result: won when the client got the answer of the hedge.',
      ['route', 'result'],
    ),
    attempts: count(
      'attempts_total',
      'Attempts on backends, by outcome; a retried or hedged request has several.',
      ['backend', 'outcome'],
    ),
    attemptDuration: durations(
      'attempt_duration_seconds',
      'Duration of answered attempts, without the time in the queue.',
      ['backend', 'task', 'input'],
    ),
    connect: durations(
      'connect_duration_seconds',
      'Time until an attempt had a connection; near 0 for a reused connection.',
      ['backend'],
    ),
    ejections: count(
      'ejections_total',
      'Ejections of endpoints of a backend: as a whole (task and type "all"), or for a task and type.',
      ['backend', 'task', 'type'],
    ),
    canaries: count(
      'canaries_total',
      'Requests of the router itself that find out whether a backend works, by result.',
      ['backend', 'result'],
    ),
  }
}

function useMetrics({ count }: MetricFactory) {
  return {
    busy: count('backend_busy_seconds_total', 'Time with at least one request in flight on a backend.', [
      'backend',
    ]),
    load: count(
      'backend_load_seconds_total',
      'Time multiplied by requests in flight / concurrency limit of a backend; 0 while it has no limit.',
      ['backend'],
    ),
  }
}

/** The counters and histograms, updated on each event of the router. */
export class Records {
  readonly #tasks = new TaskNames()
  readonly #models: ModelNames | undefined
  readonly #tenants: TenantNames | undefined
  readonly #metrics: ReturnType<typeof requestMetrics> &
    ReturnType<typeof attemptMetrics> &
    ReturnType<typeof useMetrics>
  /** The use that is counted already, by endpoint. */
  #counted: ReadonlyMap<string, BackendUse> = new Map()

  constructor(context: MetricContext, options: RecordOptions) {
    this.#models = options.models ? new ModelNames() : undefined
    this.#tenants = options.tenants ? new TenantNames() : undefined
    const factory: MetricFactory = {
      count: (name, help, labels) => new Count(context, name, help, labels),
      durations: (name, help, labels, upTo = options.buckets) =>
        new Durations(context, name, help, labels, upTo),
    }
    this.#metrics = {
      ...requestMetrics(factory, options),
      ...attemptMetrics(factory),
      ...useMetrics(factory),
    }
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
    const kind = { route, backend, task, input, ...this.#ownLabels(event, outcome) }
    metrics.requests.add({ ...kind, outcome })
    if (event.outcome?.kind === 'answered') {
      metrics.duration.observe(kind, steps.total)
      if (steps.firstByte !== undefined) metrics.firstByte.observe(kind, steps.firstByte)
    }
    if (steps.queue > 0) metrics.queue.observe({ route }, steps.queue)
    if (steps.hold > 0) metrics.hold.observe({ route }, steps.hold)
    // The parts have the bytes of a request that is split.
    if (event.bodySize > 0 && event.parts === undefined) metrics.received.add({ route }, event.bodySize)
    if (event.responseSize > 0) metrics.sent.add({ route }, event.responseSize)
    if (event.heartbeats > 0) metrics.heartbeats.add({ route }, event.heartbeats)
    this.#countAttempts(event.attempts, route, task, input)
  }

  /** Counts ejections and canaries. */
  backend(event: BackendEvent): void {
    if (event.kind === 'canary')
      this.#metrics.canaries.add({ backend: event.backend, result: event.result.kind })
    if (event.kind !== 'breaker' || event.to.kind !== 'open') return
    // Where only certain entries are kept from a backend, several types are joined by a plus, and a suffix says so.
    const [type] = event.task?.split(/[+ ]/, 1) ?? []
    const what = type === undefined ? WHOLE : this.#tasks.partsOf(type)
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
    this.#countUse(backends)
  }

  /** Adds what each endpoint was used since the last scrape: a sum of the endpoints would fall when one is removed. */
  #countUse(backends: RouterStatus['backends']): void {
    const counted = new Map<string, BackendUse>()
    for (const endpoint of backends) {
      const { name: backend, use } = endpoint
      const id = idOf(endpoint)
      const before = this.#counted.get(id)
      // One that was removed and added again begins at 0.
      const { busy, load } = before !== undefined && before.busy <= use.busy ? before : NO_USE
      this.#metrics.busy.add({ backend }, (use.busy - busy) / 1_000)
      this.#metrics.load.add({ backend }, Math.max(0, use.load - load) / 1_000)
      counted.set(id, use)
    }
    this.#counted = counted
  }

  #ownLabels(
    { classification, tenant }: RequestEvent,
    outcome: RequestOutcome,
  ): { readonly model?: string; readonly tenant?: string } {
    return {
      ...(this.#models && { model: this.#models.of(classification, outcome) }),
      ...(this.#tenants && { tenant: this.#tenants.of(tenant, outcome) }),
    }
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
