import type { RouterStatus } from '../router/router.ts'
import { gauge, type Home, type Reading } from './families.ts'

type Server = RouterStatus['backends'][number]

/** What a server of a backend can be in. One that is `ejected` or `recovering` answers its probes. */
const STATES = ['up', 'recovering', 'ejected', 'down', 'unresolved', 'drained'] as const

/** Makes the gauges, all of which are read off the router's status. */
export function makeGauges(home: Home, status: () => RouterStatus): void {
  const simple = (name: string, help: string, read: (status: RouterStatus) => number) =>
    gauge(home, { name, help, labels: [] }, status, (now) => [[{}, read(now)]])
  const byRoute = (name: string, help: string, reason: 'full' | 'unavailable') =>
    gauge(home, { name, help, labels: ['route'] }, status, ({ routes }) =>
      routes.map(({ name: route, waiting }) => [{ route }, waiting[reason]]),
    )
  const byBackend = (name: string, help: string, read: (servers: readonly Server[]) => number | undefined) =>
    gauge(home, { name, help, labels: ['backend'] }, status, function* ({ backends }) {
      for (const [backend, servers] of Map.groupBy(backends, (server) => server.name)) {
        const value = read(servers)
        if (value !== undefined) yield [{ backend }, value]
      }
    })

  simple('active_requests', 'Predict requests that are being handled.', ({ active }) => active)
  byRoute('queued_requests', 'Requests that wait for a slot of backends that are full.', 'full')
  byRoute('held_requests', 'Requests that wait for backends that could not be used.', 'unavailable')
  byBackend('backend_in_flight_requests', 'Requests that a backend has at this time.', (servers) =>
    sum(servers.map(({ inFlight }) => inFlight)),
  )
  byBackend('backend_request_limit', 'Requests that a backend gets at once; absent for any number.', limitOf)
  byBackend(
    'backend_ejected_tasks',
    'Tasks and types that are ejected on servers of a backend, each counted once per server.',
    (servers) =>
      sum(servers.filter(isThere).map(({ health }) => Object.values(health.tasks).filter(isEjected).length)),
  )
  gauge(
    home,
    {
      name: 'backend_servers',
      help: 'Servers of a backend, of which it has several with discover, by state.',
      labels: ['backend', 'state'],
    },
    status,
    ({ backends }) => serversByState(backends),
  )
  simple('body_memory_bytes', 'Bytes of requests that are retained in memory.', ({ bodies }) => bodies.memory)
  simple(
    'body_memory_limit_bytes',
    'Bytes of requests that may be retained in memory.',
    ({ bodies }) => bodies.memoryLimit,
  )
  simple('spool_bytes', 'Bytes of requests that are retained on disk.', ({ bodies }) => bodies.disk)
  simple('spool_files', 'Requests that have a temp file.', ({ bodies }) => bodies.files)
}

function isThere({ leaving }: Server): boolean {
  return !leaving
}

function isEjected({ kind }: { readonly kind: string }): boolean {
  return kind === 'open' || kind === 'trial'
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function limitOf(servers: readonly Server[]): number | undefined {
  let total = 0
  for (const { limit, unresolved } of servers.filter(isThere)) {
    if (unresolved !== undefined) continue
    if (limit === undefined) return undefined
    total += limit
  }
  return total
}

function* serversByState(backends: readonly Server[]): Generator<Reading<'backend' | 'state'>> {
  for (const [backend, servers] of Map.groupBy(backends, ({ name }) => name)) {
    const states = servers.filter(isThere).map(stateOf)
    for (const state of STATES) yield [{ backend, state }, states.filter((it) => it === state).length]
  }
}

function stateOf({ health, unresolved }: Server): (typeof STATES)[number] {
  if (unresolved !== undefined) return 'unresolved'
  if (!health.enabled) return 'drained'
  if (health.probe?.kind === 'down') return 'down'
  if (isEjected(health.reachable)) return 'ejected'
  return health.reachable.kind === 'recovering' ? 'recovering' : 'up'
}
