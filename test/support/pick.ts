import type { Backend } from '../../packages/core/src/backend/backend.ts'
import type { Job, Strategy } from '../../packages/core/src/balance/strategy.ts'

/** The backend a strategy sends a request to, which takes its turn; one it waits for is returned as well. */
export function pick(
  strategy: Strategy,
  backends: readonly Backend[],
  job: Job,
  isFull: (backend: Backend) => boolean = () => false,
): Backend {
  const [best] = strategy.rank(
    backends.map((backend) => ({ backend, isFull: isFull(backend) })),
    job,
  )
  const picked = backends.find((backend) => backend === best?.backend)
  if (picked === undefined) throw new Error('the ranking is empty')
  if (!isFull(picked)) strategy.picked?.(picked)
  return picked
}
