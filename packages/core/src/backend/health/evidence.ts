import { defaults } from '../../config/defaults.ts'
import { TlsError } from '../../errors.ts'
import type { FailureCause, Outcome } from '../outcome.ts'

/** What an outcome says about its backend. */
export type Evidence =
  /** Nothing: it was not the backend's doing. */
  | { readonly kind: 'nothing' }
  /** A second opinion is to decide. `blame` is what it says once another backend has answered the same request well. */
  | { readonly kind: 'undecided'; readonly blame: Evidence }
  | { readonly kind: 'good' }
  | { readonly kind: 'lacks'; readonly what: 'type' | 'model' | 'exact' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'busy'; readonly time: number }
  /** It cannot be reached. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** It can be reached, and fails at everything. */
  | { readonly kind: 'backend-failed'; readonly reason: string }
  /** It fails at the tasks and types of the request. */
  | { readonly kind: 'type-failed'; readonly reason: string }

/** Neither is the backend's doing, nor anything that its probes have not said already. */
const SAY_NOTHING: ReadonlySet<FailureCause> = new Set(['total-timeout', 'shutdown', 'stale', 'gone'])

const NOTHING: Evidence = { kind: 'nothing' }

export function evidenceOf(outcome: Outcome | undefined): Evidence {
  if (outcome?.kind === 'failed') {
    const { cause, error, reachedBackend } = outcome
    if (SAY_NOTHING.has(cause)) return NOTHING
    const reason = error instanceof TlsError ? error.message : cause
    return { kind: reachedBackend ? 'type-failed' : 'unreachable', reason }
  }
  if (outcome?.kind !== 'answered' && outcome?.kind !== 'passed-over') return NOTHING
  const { verdict } = outcome
  switch (verdict.kind) {
    case 'good':
    case 'too-large':
      return { kind: verdict.kind }
    case 'lacks':
      return { kind: 'lacks', what: verdict.what }
    case 'busy':
      return { kind: 'busy', time: verdict.retryAfter ?? defaults.busyTime }
    case 'fault':
      return { kind: verdict.scope === 'backend' ? 'backend-failed' : 'type-failed', reason: verdict.reason }
    case 'undecided':
      return {
        kind: 'undecided',
        blame:
          verdict.otherwise === 'lacks'
            ? { kind: 'lacks', what: 'exact' }
            : { kind: 'type-failed', reason: verdict.reason },
      }
    default:
      return NOTHING
  }
}

/** Whether a second opinion decides if the backend or the job is at fault. */
export function isUndecided(outcome: Outcome | undefined): outcome is Outcome {
  return (
    (outcome?.kind === 'passed-over' || outcome?.kind === 'answered') && outcome.verdict.kind === 'undecided'
  )
}
