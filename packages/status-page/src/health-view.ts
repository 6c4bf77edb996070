import type { RouterStatus } from '@immich-ml-router/core'
import type { BreakerState } from '@immich-ml-router/core/parts'
import { shorten, WITH_OPTIONS } from '@immich-ml-router/core/parts'
import type { HealthView, TaskView } from './wire.ts'

type BackendStatus = RouterStatus['backends'][number]

/** The worst problem of a backend, and the details. */
export function healthView(backend: BackendStatus, now: number): HealthView {
  const { lastError, failures, sizeLimit } = backend.health
  return {
    ...worstOf(backend, now),
    tasks: tasksOf(backend, now),
    lastError: lastError && { reason: lastError.reason, at: lastError.time },
    failures,
    sizeLimit,
  }
}

function worstOf(
  { health, leaving, unresolved }: BackendStatus,
  now: number,
): Omit<HealthView, 'tasks' | 'lastError' | 'failures' | 'sizeLimit'> {
  const { enabled, probe, reachable, busyUntil, tasks } = health
  if (leaving) return { state: 'removed' }
  if (unresolved !== undefined) return { state: 'unresolved', reason: unresolved }
  if (!enabled) return { state: 'drained' }
  if (probe?.kind === 'down') return { state: 'down', reason: probe.reason, since: probe.since }
  if (reachable.kind === 'open' || reachable.kind === 'trial') return ejection(reachable, now)
  if (now < busyUntil) return { state: 'throttled', until: busyUntil }
  if (reachable.kind === 'recovering') return { state: 'recovering', since: reachable.since }
  if (Object.keys(tasks).some((task) => tasks[task]?.kind !== 'closed')) return { state: 'degraded' }
  if (probe?.kind === 'unknown') return { state: 'unknown' }
  return { state: 'healthy', since: probe?.since }
}

function tasksOf({ health }: BackendStatus, now: number): TaskView[] {
  const failing = Object.entries(health.tasks).flatMap(([task, state]): TaskView[] => {
    const job = jobOf(task)
    if (state.kind === 'open' || state.kind === 'trial') return [{ ...job, ...ejection(state, now) }]
    return state.kind === 'recovering' ? [{ ...job, state: 'recovering' }] : []
  })
  const lacking = new Map<string, TaskView>()
  for (const [key, until] of Object.entries(health.lacks)) {
    if (until <= now) continue
    const view = { ...jobOf(key), state: 'lacking', until } as const
    lacking.set(`${view.task} ${view.isSome}`, view)
  }
  return [...failing, ...lacking.values()]
}

/** The job of a breaker or a refusal. */
function jobOf(name: string): Pick<TaskView, 'task' | 'isSome'> {
  return name.endsWith(WITH_OPTIONS)
    ? { task: shorten(name.slice(0, -WITH_OPTIONS.length)), isSome: true }
    : { task: shorten(name) }
}

function ejection(state: BreakerState & { readonly kind: 'open' | 'trial' }, now: number) {
  const { reason, since } = state
  // After the ejection time, the next request is the trial.
  if (state.kind === 'trial' || state.until <= now) return { state: 'trial', reason, since } as const
  return { state: 'ejected', reason, since, until: state.until } as const
}
