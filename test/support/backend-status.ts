import type { BackendHealth, RouterStatus } from '@immich-ml-router/core'

export type BackendStatus = RouterStatus['backends'][number]

/** Of a backend that answers, and has never failed. */
export const well: BackendHealth = {
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

/** What a router says of a backend that is well and has nothing to do, but for what a test says otherwise. */
export function backendStatus(name: string, differing: Partial<BackendStatus> = {}): BackendStatus {
  return {
    name,
    url: `http://${name}`,
    endpoint: undefined,
    weight: 1,
    tier: 1,
    inFlight: 0,
    limit: undefined,
    held: 0,
    latencies: {},
    health: well,
    leaving: false,
    unresolved: undefined,
    wakes: false,
    ...differing,
  }
}
