import { defaults } from '@immich-ml-router/core/parts'
import { BACKENDS, LIMITS, type Present, ROUTES, type Round, type RunTruth } from './truth.ts'

/** What one query of a panel has to say, by legend. */
export type Values = Readonly<Record<string, number>>

const BUCKETS = defaults.metricsBuckets
const LONG = [...BUCKETS, ...defaults.metricsLongBuckets]
const FAILING = ['failed', 'unavailable', 'server_error', 'cut_off']

/**
 * What each panel of the dashboard has to show, query by query.
 *
 * @param it What happened within the rate interval.
 * @param seconds How long that was.
 * @param now How things are at its end.
 * @param run The current run at its end.
 */
export function panels(
  it: Round,
  seconds: number,
  now: Present,
  run: RunTruth,
): Readonly<Record<string, readonly Values[]>> {
  const perSecond = (values: Values) => mapped(values, (value) => value / seconds)
  const count = (by: (of: Round['requests'][number]) => string) =>
    summed(it.requests.map((each) => [by(each), each.count]))
  const total = it.requests.reduce((sum, each) => sum + each.count, 0)
  const failing = it.requests.filter(({ outcome }) => FAILING.includes(outcome))
  const times = (index: 0 | 3, of: 'times' | 'firstBytes' = 'times') =>
    collected(it.requests.map((each) => [each.of[index], each[of] ?? each.times ?? []]))
  const ofBackends = collected(
    it.attempts.flatMap(({ backend, times: all = [] }) =>
      all.map(([, , ...each]): [string, readonly number[]] => [backend, each]),
    ),
  )
  const connects = collected(
    it.attempts.map(({ backend, count: n, connected }) => [backend, connected ? Array(n).fill(0) : []]),
  )
  const attempts = (chosen: Round['attempts'], by: (of: Round['attempts'][number]) => string) =>
    summed(chosen.map((each) => [by(each), each.count]))
  const states = BACKENDS.map((backend): [string, string] => [backend, now.states[backend] ?? 'up'])
  const hedges = Object.fromEntries(
    ROUTES.flatMap((route) => [
      [`${route} hedge won`, it.hedgesWon[route] ?? 0],
      [`${route} hedge lost`, 0],
    ]),
  )
  const ejections = Object.fromEntries([
    ...BACKENDS.map((backend) => [`${backend} all all`, 0]),
    ...Object.entries(it.ejections).map(([backend, [task, type, n]]) => [`${backend} ${task} ${type}`, n]),
  ])
  return {
    Requests: [{ '': total / seconds }],
    Failing: [{ '': failing.reduce((sum, each) => sum + each.count, 0) / total }],
    'Searches, p95': [{ '': quantile(0.95, times(3)['text'] ?? [], BUCKETS) }],
    'Being handled': [{ '': now.active }],
    Waiting: [{ '': sum(now.queued) + sum(now.held) }],
    'Servers up': [{ '': states.filter(([, state]) => state === 'up').length }],
    'Current run': [{ '': run.jobs }],
    'Running for': [{ '': run.time / 1_000 }],
    Runs: [{ jobs: run.jobs }, { failures: run.failures }],
    Busy: [perSecond({ ...zeros(BACKENDS), ...mapped(it.busy, (time) => time / 1_000) })],
    Load: [
      perSecond({
        ...zeros(BACKENDS),
        ...Object.fromEntries(
          Object.entries(it.busy).map(([backend, time]) => [
            backend,
            time / 1_000 / (LIMITS[backend] ?? Number.POSITIVE_INFINITY),
          ]),
        ),
      }),
    ],
    'Requests by route': [perSecond(count(({ of: [route] }) => route))],
    'Requests by outcome': [perSecond(count(({ outcome }) => outcome))],
    'Requests by job': [perSecond(count(({ of: [, , task, input] }) => `${task} ${input}`))],
    'Latency by route': quantiles(times(0), BUCKETS),
    'First byte by route': [mapped(times(0, 'firstBytes'), (each) => quantile(0.95, each, BUCKETS))],
    'Latency by backend': quantiles(ofBackends, BUCKETS),
    Queue: [{ ...zeros(ROUTES), ...now.queued }],
    Held: [{ ...zeros(ROUTES), ...now.held }],
    'Waiting times, p95': [
      renamed(
        mapped(it.queued, (each) => quantile(0.95, each, BUCKETS)),
        (route) => `${route} for a slot`,
      ),
      renamed(
        mapped(it.held, (each) => quantile(0.95, each, LONG)),
        (route) => `${route} for a backend`,
      ),
    ],
    Heartbeats: [perSecond({ ...zeros(ROUTES), ...it.heartbeats })],
    'In flight, and limit': [
      { ...zeros(BACKENDS), ...now.inFlight },
      renamed(LIMITS, (backend) => `${backend} limit`),
    ],
    'Servers by state': [Object.fromEntries(states.map((names) => [names.join(' '), 1]))],
    // The router of the scene has neither notices nor problems of models.
    Notices: [{}, {}, {}],
    'Connecting, p95': [mapped(connects, (each) => quantile(0.95, each, BUCKETS))],
    Attempts: [perSecond({ ...zeros(BACKENDS), ...attempts(it.attempts, ({ backend }) => backend) })],
    'Attempts without an answer': [
      perSecond(
        attempts(
          it.attempts.filter(({ outcome }) => outcome !== 'answered'),
          ({ backend, outcome }) => `${backend} ${outcome}`,
        ),
      ),
    ],
    // The router of the scene sends no canaries.
    Ejections: [ejections, renamed(now.ejectedTasks, (backend) => `${backend} tasks now`), {}, {}],
    'Retries and hedges': [
      renamed(perSecond({ ...zeros(ROUTES), ...it.retries }), (route) => `${route} tried again`),
      perSecond(hedges),
    ],
    'Bodies of requests': [perSecond({ ...zeros(ROUTES), ...it.received })],
    'Bodies of answers': [perSecond({ ...zeros(ROUTES), ...it.sent })],
    Retained: [
      { 'in memory': now.memory },
      { 'memory limit': defaults.totalBodyMemory },
      { 'on disk': now.disk },
    ],
    'Temp files': [{ files: now.files }],
  }
}

/** p50, p95 and p99, as the three queries of a panel. */
function quantiles(times: Readonly<Record<string, readonly number[]>>, bounds: readonly number[]): Values[] {
  return [50, 95, 99].map((percent) =>
    renamed(
      mapped(times, (each) => quantile(percent / 100, each, bounds)),
      (name) => `${name} p${percent}`,
    ),
  )
}

/** What a histogram with these bounds can say of times in milliseconds, in seconds: a line within the bucket. */
function quantile(share: number, times: readonly number[], bounds: readonly number[]): number {
  const rank = share * times.length
  let [lower, below] = [0, 0]
  for (const bound of bounds) {
    const upTo = times.filter((time) => time <= bound * 1_000).length
    if (upTo > 0 && upTo >= rank) return lower + (bound - lower) * ((rank - below) / (upTo - below))
    lower = bound
    below = upTo
  }
  return lower
}

function mapped<T>(values: Readonly<Record<string, T>>, change: (value: T) => number): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

function renamed(values: Values, rename: (name: string) => string): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [rename(name), value]))
}

function zeros(names: readonly string[]): Values {
  return Object.fromEntries(names.map((name) => [name, 0]))
}

function sum(values: Values): number {
  return Object.values(values).reduce((total, value) => total + value, 0)
}

function summed(pairs: readonly (readonly [string, number])[]): Values {
  const total: Record<string, number> = {}
  for (const [name, value] of pairs) total[name] = (total[name] ?? 0) + value
  return total
}

/** Those that have none are left out: of nothing there is no percentile. */
function collected(pairs: readonly (readonly [string, readonly number[]])[]) {
  const all: Record<string, readonly number[]> = {}
  for (const [name, times] of pairs) if (times.length > 0) all[name] = [...(all[name] ?? []), ...times]
  return all
}
