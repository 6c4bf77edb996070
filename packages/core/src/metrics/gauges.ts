import type { RouterStatus } from '../router/router.ts'
import { gauge, type MetricContext, type Reading } from './families.ts'

type EndpointStatus = RouterStatus['backends'][number]

/** The states of an endpoint. One that is `ejected` or `recovering` passes its health checks. */
const STATES = ['up', 'recovering', 'ejected', 'down', 'unresolved', 'drained'] as const

/** Creates the gauges; each reads the router's status at a scrape. */
export function makeGauges(context: MetricContext, status: () => RouterStatus): void {
  const simple = (name: string, help: string, read: (status: RouterStatus) => number) =>
    gauge(context, status, name, help, [], (now) => [[{}, read(now)]])
  const byRoute = (name: string, help: string, reason: 'full' | 'unavailable') =>
    gauge(context, status, name, help, ['route'], ({ routes }) =>
      routes.map(({ name: route, waiting }) => [{ route }, waiting[reason]]),
    )
  const byBackend = (
    name: string,
    help: string,
    read: (endpoints: readonly EndpointStatus[]) => number | undefined,
  ) =>
    gauge(context, status, name, help, ['backend'], function* ({ backends }) {
      for (const [backend, endpoints] of Map.groupBy(backends, ({ name }) => name)) {
        const value = read(endpoints)
        if (value !== undefined) yield [{ backend }, value]
      }
    })

  simple(
    'active_requests',
    'Predict requests in progress, including queued and held requests.',
    ({ active }) => active,
  )
  byRoute('queued_requests', 'Requests queued because every candidate is at its concurrency limit.', 'full')
  byRoute('held_requests', 'Requests held because no candidate is available.', 'unavailable')
  byBackend('backend_in_flight_requests', 'Requests in flight on a backend.', (endpoints) =>
    sum(endpoints.map(({ inFlight }) => inFlight)),
  )
  byBackend('backend_request_limit', 'Concurrency limit of a backend; absent when it is unlimited.', limitOf)
  byBackend(
    'backend_ejected_tasks',
    'Ejected pairs of task and type of a backend, counted per endpoint.',
    (endpoints) =>
      sum(
        endpoints.filter(isActive).map(({ health }) => Object.values(health.tasks).filter(isEjected).length),
      ),
  )
  byBackend(
    'backend_loading_jobs',
    'Kinds of jobs whose models a backend loads before it gets requests for them, counted per endpoint.',
    (endpoints) => sum(endpoints.map(({ warming }) => warming.length)),
  )
  gauge(
    context,
    status,
    'backend_servers',
    'Endpoints of a backend by state; several with discover.',
    ['backend', 'state'],
    ({ backends }) => endpointsByState(backends),
  )
  gauge(
    context,
    status,
    'notices',
    'Active notices about the router itself, by kind; 1 each.',
    ['kind'],
    ({ notices }) => notices.map(({ kind }) => [{ kind }, 1]),
  )
  gauge(
    context,
    status,
    'backend_model_problem',
    '1 for each model that a module has found wrong on a backend, such as one that disagrees with other backends.',
    ['backend', 'model'],
    ({ backends }) => [
      ...new Map(
        backends
          .filter(isActive)
          .flatMap(({ name: backend, problems }) =>
            problems.map(({ model }) => [`${backend} ${model}`, [{ backend, model }, 1]] as const),
          ),
      ).values(),
    ],
  )
  simple('body_memory_bytes', 'Bytes of request bodies retained in memory.', ({ bodies }) => bodies.memory)
  simple(
    'body_memory_limit_bytes',
    'Limit of the bytes of request bodies retained in memory.',
    ({ bodies }) => bodies.memoryLimit,
  )
  simple('spool_bytes', 'Bytes of request bodies retained on disk.', ({ bodies }) => bodies.disk)
  simple('spool_files', 'Temporary files of request bodies.', ({ bodies }) => bodies.files)
}

function isActive({ leaving }: EndpointStatus): boolean {
  return !leaving
}

function isEjected({ kind }: { readonly kind: string }): boolean {
  return kind === 'open' || kind === 'trial'
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function limitOf(endpoints: readonly EndpointStatus[]): number | undefined {
  let total = 0
  for (const { limit, unresolved } of endpoints.filter(isActive)) {
    if (unresolved !== undefined) continue
    if (limit === undefined) return undefined
    total += limit
  }
  return total
}

function* endpointsByState(backends: readonly EndpointStatus[]): Generator<Reading<'backend' | 'state'>> {
  for (const [backend, endpoints] of Map.groupBy(backends, ({ name }) => name)) {
    const states = endpoints.filter(isActive).map(stateOf)
    for (const state of STATES) yield [{ backend, state }, states.filter((other) => other === state).length]
  }
}

function stateOf({ health, unresolved }: EndpointStatus): (typeof STATES)[number] {
  if (unresolved !== undefined) return 'unresolved'
  if (!health.enabled) return 'drained'
  if (health.probe?.kind === 'down') return 'down'
  if (isEjected(health.reachable)) return 'ejected'
  return health.reachable.kind === 'recovering' ? 'recovering' : 'up'
}
