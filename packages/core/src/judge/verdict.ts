/**
 * The meaning of a backend's answer.
 *
 * The scope of a fault is the whole backend, the tasks and types of the request, or requests with exactly these entries.
 */
export type Verdict =
  | { readonly kind: 'good' }
  /**
   * The backend or its proxy fails. The reason names the fix if one is known. `certain`: a canary failed as well, so it counts
   * like several failures in a row.
   */
  | {
      readonly kind: 'fault'
      readonly scope: 'backend' | 'type' | 'entries'
      readonly reason: string
      readonly certain?: boolean
    }
  /** The job is at fault: its backend passed a canary. */
  | { readonly kind: 'job'; readonly reason: string }
  /**
   * The job or the backend may be at fault. If a second backend succeeds, this backend has a fault (`fault`) or cannot run
   * this job (`lacks`).
   */
  | { readonly kind: 'undecided'; readonly otherwise: 'fault' | 'lacks'; readonly reason: string }
  /** The backend does not support the task and type, the model, or exactly these entries. */
  | { readonly kind: 'lacks'; readonly what: 'type' | 'model' | 'exact'; readonly reason: string }
  /** A proxy of the backend refuses bodies of this size. */
  | { readonly kind: 'too-large'; readonly reason: string }
  /** The backend is throttled. */
  | { readonly kind: 'busy'; readonly retryAfter: number | undefined; readonly reason: string }

export const GOOD: Verdict = { kind: 'good' }

/** How useful an answer is to the client if every backend failed; higher is better. */
export function usefulness(verdict: Verdict): number {
  switch (verdict.kind) {
    case 'good':
      return 5
    case 'undecided':
      return verdict.otherwise === 'lacks' ? 4 : 2
    case 'job':
      return 4
    case 'lacks':
      return verdict.what === 'exact' ? 4 : 3
    case 'too-large':
      return 3
    case 'busy':
      return 1
    case 'fault':
      return verdict.certain === true ? 2 : 0
  }
}
