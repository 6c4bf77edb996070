import type { Classification, Router, RouterStatus } from '@immich-ml-router/core'

/** Whether the jobs of a queue can be served. `unknown`: no probe has been answered yet. */
export type Service = 'good' | 'unknown' | 'none'

/** What the router would do with the next job of a queue. */
export interface ServiceView {
  readonly service: Service
  /** Names of the backends that may serve it. */
  readonly backends: readonly string[]
}

/** @param job A job of the queue. @param status The router's status of now. */
export function serviceOf(router: Router, job: Classification, status: RouterStatus): ServiceView {
  const { decision, candidates } = router.explain(job)
  const backends = [...new Set(candidates.map(({ backend }) => backend))]
  if (decision.kind === 'queue') return { service: 'good', backends }
  if (decision.kind !== 'forward' || decision.leastBad) return { service: 'none', backends }
  const chosen = status.backends.find(
    ({ name, endpoint }) => name === decision.backend && endpoint === decision.endpoint,
  )
  return { service: chosen?.health.probe?.kind === 'unknown' ? 'unknown' : 'good', backends }
}
