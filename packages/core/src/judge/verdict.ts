/**
 * What a backend's answer means.
 *
 * The scope of a fault says what is blamed: the whole backend, or the tasks and types that were asked for.
 */
export type Verdict =
  | { readonly kind: 'good' }
  /** The backend, or what stands in front of it, fails. The reason names the cure where one is known. */
  | { readonly kind: 'fault'; readonly scope: 'backend' | 'type'; readonly reason: string }
  /**
   * The job may be at fault, or the backend. A second opinion decides: where another backend answers well, this one
   * has a fault (`fault`), or cannot do this very job (`lacks`).
   */
  | { readonly kind: 'undecided'; readonly otherwise: 'fault' | 'lacks'; readonly reason: string }
  /** The backend does not have the task and type, or the model. */
  | { readonly kind: 'lacks'; readonly what: 'type' | 'model'; readonly reason: string }
  /** A proxy in front of the backend refuses bodies of this size. */
  | { readonly kind: 'too-large'; readonly reason: string }
  /** The backend has no time now. */
  | { readonly kind: 'busy'; readonly retryAfter: number | undefined; readonly reason: string }

export const GOOD: Verdict = { kind: 'good' }

/** How useful an answer is to the client when no backend can do the job; higher is better. */
export function informativeness(verdict: Verdict): number {
  switch (verdict.kind) {
    case 'good':
      return 5
    case 'undecided':
      return verdict.otherwise === 'lacks' ? 4 : 2
    case 'lacks':
    case 'too-large':
      return 3
    case 'busy':
      return 1
    case 'fault':
      return 0
  }
}
