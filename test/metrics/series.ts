import { defaults } from '@immich-ml-router/core/parts'
import type { RunView } from '@immich-ml-router/status-page'
import { BACKENDS, LIMITS, type Present, ROUTES, type Round, STATES } from './truth.ts'

/** Series by name and labels, as they stand in the output of `GET /metrics`. */
export type Series = Readonly<Record<string, number>>

/** The series of this output whose names begin so. */
export function seriesOf(text: string, prefix: string): Series {
  const lines = text.split('\n').filter((line) => line.startsWith(prefix))
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), rounded(Number(line.slice(space + 1)))]
    }),
  )
}

/** Without what sums of fractions are off by. */
function rounded(value: number): number {
  return Number(value.toPrecision(12))
}

type Labels = Readonly<Record<string, string>>

/** The series that there must be of what has happened. */
export class Expected {
  readonly #series: Record<string, number> = {}

  get series(): Series {
    return Object.fromEntries(Object.entries(this.#series).map(([key, value]) => [key, rounded(value)]))
  }

  set(name: string, labels: Labels, value: number): void {
    this.#series[keyOf(name, labels)] = value
  }

  add(name: string, labels: Labels, value: number): void {
    const key = keyOf(name, labels)
    this.#series[key] = (this.#series[key] ?? 0) + value
  }

  /** Observations of a histogram, in milliseconds. */
  observe(name: string, labels: Labels, times: readonly number[], buckets: readonly number[]): void {
    for (const bound of [...buckets, Number.POSITIVE_INFINITY]) {
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound)
      const count = times.filter((time) => time <= bound * 1_000).length
      this.add(`${name}_bucket`, { le, ...labels }, count)
    }
    this.add(`${name}_sum`, labels, times.reduce((sum, time) => sum + time, 0) / 1_000)
    this.add(`${name}_count`, labels, times.length)
  }
}

function keyOf(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return pairs.length === 0 ? PREFIX + name : `${PREFIX}${name}{${pairs.join(',')}}`
}

export const PREFIX: string = defaults.metricsPrefix
const BUCKETS = defaults.metricsBuckets
const LONG = [...BUCKETS, ...defaults.metricsLongBuckets]

/** What has been counted after these rounds. */
export function counted(rounds: readonly Round[]): Expected {
  const expected = new Expected()
  for (const route of ROUTES) {
    for (const name of ['request_bytes_total', 'response_bytes_total', 'heartbeats_total', 'retries_total'])
      expected.add(name, { route }, 0)
    for (const result of ['won', 'lost']) expected.add('hedges_total', { route, result }, 0)
    expected.observe('queue_duration_seconds', { route }, [], BUCKETS)
    expected.observe('hold_duration_seconds', { route }, [], LONG)
  }
  for (const backend of BACKENDS) {
    expected.add('attempts_total', { backend, outcome: 'answered' }, 0)
    expected.add('ejections_total', { backend, task: 'all', type: 'all' }, 0)
    for (const result of ['passed', 'failed', 'unknown'])
      expected.add('canaries_total', { backend, result }, 0)
    expected.observe('connect_duration_seconds', { backend }, [], BUCKETS)
    expected.add('backend_busy_seconds_total', { backend }, 0)
    expected.add('backend_load_seconds_total', { backend }, 0)
  }
  for (const it of rounds) addRound(expected, it)
  return expected
}

function addRound(expected: Expected, it: Round): void {
  for (const { of, outcome, count, times, firstBytes = times } of it.requests) {
    const [route, backend, task, input] = of
    const kind = { route, backend, task, input }
    expected.add('requests_total', { ...kind, outcome }, count)
    if (times !== undefined) expected.observe('request_duration_seconds', kind, times, BUCKETS)
    if (firstBytes !== undefined) expected.observe('first_byte_duration_seconds', kind, firstBytes, BUCKETS)
  }
  for (const { backend, outcome, count, connected, times = [] } of it.attempts) {
    expected.add('attempts_total', { backend, outcome }, count)
    // On a clock that stands still, a connection takes no time.
    if (connected) expected.observe('connect_duration_seconds', { backend }, Array(count).fill(0), BUCKETS)
    for (const [task, input, ...each] of times)
      expected.observe('attempt_duration_seconds', { backend, task, input }, each, BUCKETS)
  }
  const byRoute = (name: string, values: Readonly<Record<string, number>>) => {
    for (const [route, value] of Object.entries(values)) expected.add(name, { route }, value)
  }
  for (const [backend, time] of Object.entries(it.busy)) {
    expected.add('backend_busy_seconds_total', { backend }, time / 1_000)
    expected.add(
      'backend_load_seconds_total',
      { backend },
      time / 1_000 / (LIMITS[backend] ?? Number.POSITIVE_INFINITY),
    )
  }
  byRoute('request_bytes_total', it.received)
  byRoute('response_bytes_total', it.sent)
  byRoute('heartbeats_total', it.heartbeats)
  byRoute('retries_total', it.retries)
  for (const [route, times] of Object.entries(it.queued))
    expected.observe('queue_duration_seconds', { route }, times, BUCKETS)
  for (const [route, times] of Object.entries(it.held))
    expected.observe('hold_duration_seconds', { route }, times, LONG)
  for (const [route, won] of Object.entries(it.hedgesWon))
    expected.add('hedges_total', { route, result: 'won' }, won)
  for (const [backend, [task, type, count]] of Object.entries(it.ejections))
    expected.add('ejections_total', { backend, task, type }, count)
}

/** Adds what there is at one time. */
export function present(expected: Expected, now: Present): void {
  expected.set('active_requests', {}, now.active)
  for (const route of ROUTES) {
    expected.set('queued_requests', { route }, now.queued[route] ?? 0)
    expected.set('held_requests', { route }, now.held[route] ?? 0)
  }
  for (const backend of BACKENDS) {
    expected.set('backend_in_flight_requests', { backend }, now.inFlight[backend] ?? 0)
    const limit = LIMITS[backend]
    if (limit !== undefined) expected.set('backend_request_limit', { backend }, limit)
    expected.set('backend_ejected_tasks', { backend }, now.ejectedTasks[backend] ?? 0)
    expected.set('backend_loading_jobs', { backend }, 0)
    for (const state of STATES)
      expected.set('backend_servers', { backend, state }, state === (now.states[backend] ?? 'up') ? 1 : 0)
  }
  expected.set('body_memory_bytes', {}, now.memory)
  expected.set('body_memory_limit_bytes', {}, defaults.totalBodyMemory)
  expected.set('spool_bytes', {}, now.disk)
  expected.set('spool_files', {}, now.files)
}

/** Adds the current run. */
export function runs(expected: Expected, run: Pick<RunView, 'jobs' | 'failures' | 'start'>): void {
  expected.set('run_jobs', {}, run.jobs)
  expected.set('run_failures', {}, run.failures)
  expected.set('run_start_timestamp_seconds', {}, run.start / 1_000)
}
