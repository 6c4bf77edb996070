import type { Backend } from '../backend/backend.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { RouterNotice, RouterStatus } from './router.ts'
import type { Select } from './select-backend.ts'

interface StatusSources extends Pick<RouterStatus, 'state' | 'now' | 'active'> {
  readonly notices: readonly RouterNotice[]
  readonly select: Select
  readonly store: BodyStore
  /** Whether every machine can be switched on. */
  readonly wakesAll: boolean
}

/** A snapshot of a router. */
export function routerStatus({ notices, select, store, wakesAll, ...own }: StatusSources): RouterStatus {
  const { used: memory, total: memoryLimit, disk } = store
  return {
    ...own,
    held: select.held(),
    notices,
    routes: select.routes(),
    tasks: select.tasks(),
    bodies: { memory, memoryLimit, disk: disk.usage.bytes, files: disk.usage.files },
    backends: [
      ...select.backends().map((backend) => backendStatus(backend, false, wakesAll)),
      ...select.leaving().map((backend) => backendStatus(backend, true, wakesAll)),
    ],
  }
}

function backendStatus(
  backend: Backend,
  leaving: boolean,
  wakesAll: boolean,
): RouterStatus['backends'][number] {
  const { name, url, endpoint, weight, tier, inFlight, health, tasks } = backend
  const limit = backend.limit.current
  return {
    name,
    url,
    endpoint,
    weight,
    tier,
    inFlight,
    limit: Number.isFinite(limit) ? limit : undefined,
    use: backend.limit.use,
    waiting: backend.demand.byReason,
    latencies: backend.latency.all,
    health: health.status,
    problems: backend.problems,
    warming: [...backend.warming.keys()],
    canaries: health.canary.counts,
    leaving,
    unresolved: health.unresolved,
    tasks,
    wokeAt: backend.demand.wokeAt,
    wakes: wakesAll || backend.demand.canWake,
  }
}
