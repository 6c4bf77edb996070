import type { RouterStatus } from '@immich-ml-router/core'
import type { BackendHealth } from '@immich-ml-router/core/parts'

export type BackendStatus = RouterStatus['backends'][number]

/** The health of a backend that is available and has never failed. */
export const healthy: BackendHealth = {
  enabled: true,
  probe: { kind: 'up', since: 0, failures: 0 },
  reachable: { kind: 'closed', failures: 0 },
  tasks: {},
  lacks: {},
  sizeLimit: undefined,
  busyUntil: 0,
  lastError: undefined,
  failures: 0,
  ejections: 0,
}

/** The status of a healthy, idle backend; a test can override single values. */
export function backendStatus(name: string, overrides: Partial<BackendStatus> = {}): BackendStatus {
  return {
    name,
    url: `http://${name}`,
    endpoint: undefined,
    weight: 1,
    tier: 1,
    inFlight: 0,
    limit: undefined,
    use: { busy: 0, load: 0 },
    waiting: { full: 0, unavailable: 0 },
    latencies: {},
    problems: [],
    warming: [],
    canaries: { passed: 0, failed: 0 },
    health: healthy,
    leaving: false,
    unresolved: undefined,
    tasks: undefined,
    wokeAt: undefined,
    wakes: false,
    ...overrides,
  }
}
