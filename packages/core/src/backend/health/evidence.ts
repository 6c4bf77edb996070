import { defaults } from '../../config/defaults.ts'
import { TlsError } from '../../errors.ts'
import type { Verdict } from '../../judge/verdict.ts'
import type { FailureCause, Outcome } from '../outcome.ts'

/** What an outcome says about its backend. */
export type Evidence =
  /** Nothing: it was not the backend's doing. */
  | { readonly kind: 'nothing' }
  /** A second opinion is to decide. `blame` is what it says once another backend has answered the same request well. */
  | { readonly kind: 'undecided'; readonly blame: Evidence }
  | { readonly kind: 'good' }
  /** It works, as a canary has found; the request itself failed. */
  | { readonly kind: 'works' }
  | { readonly kind: 'lacks'; readonly what: 'type' | 'model' | 'exact' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'busy'; readonly time: number }
  /** It cannot be reached. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** It can be reached, and fails: at everything, at the tasks and types of the request, or at exactly its entries. */
  | {
      readonly kind: 'failed'
      readonly scope: 'backend' | 'type' | 'entries'
      readonly reason: string
      /** Whether a canary failed as well, so that there is no need to wait for further failures. */
      readonly certain: boolean
    }

/** Neither is the backend's doing, nor anything that its probes have not said already. */
const SAY_NOTHING: ReadonlySet<FailureCause> = new Set([
  'total-timeout',
  'shutdown',
  'stale',
  'gone',
  'frozen',
])

const NOTHING: Evidence = { kind: 'nothing' }
const WORKS: Evidence = { kind: 'works' }

export function evidenceOf(outcome: Outcome | undefined): Evidence {
  if (outcome?.kind === 'failed') {
    const { cause, error, reachedBackend, verdict } = outcome
    if (SAY_NOTHING.has(cause)) return NOTHING
    if (cause === 'poison') return WORKS
    if (verdict !== undefined) return failedBy(verdict)
    const reason = error instanceof TlsError ? error.message : cause
    if (!reachedBackend) return { kind: 'unreachable', reason }
    return { kind: 'failed', scope: 'type', reason, certain: false }
  }
  if (outcome?.kind !== 'answered' && outcome?.kind !== 'passed-over') return NOTHING
  const { verdict } = outcome
  switch (verdict.kind) {
    case 'good':
    case 'too-large':
      return { kind: verdict.kind }
    case 'job':
      return WORKS
    case 'lacks':
      return { kind: 'lacks', what: verdict.what }
    case 'busy':
      return { kind: 'busy', time: verdict.retryAfter ?? defaults.busyTime }
    case 'fault':
      return failedBy(verdict)
    case 'undecided':
      return {
        kind: 'undecided',
        blame:
          verdict.otherwise === 'lacks'
            ? { kind: 'lacks', what: 'exact' }
            : { kind: 'failed', scope: 'type', reason: verdict.reason, certain: false },
      }
  }
  return NOTHING
}

function failedBy({ scope, reason, certain = false }: Extract<Verdict, { kind: 'fault' }>): Evidence {
  return { kind: 'failed', scope, reason, certain }
}

/** Whether a second opinion decides if the backend or the job is at fault. */
export function isUndecided(outcome: Outcome | undefined): outcome is Outcome {
  return (
    (outcome?.kind === 'passed-over' || outcome?.kind === 'answered') && outcome.verdict.kind === 'undecided'
  )
}
