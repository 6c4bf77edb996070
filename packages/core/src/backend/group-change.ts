import type { CanaryResult } from '../canary/canary.ts'
import type { CanaryPurpose } from '../canary/canary-job.ts'
import type { HealthChange } from './health/health-view.ts'
import type { ModelProblem } from './model-problem.ts'

/** Whether a backend that could not be reached was reached. */
export function isReturn(change: GroupChange): boolean {
  if (change.kind === 'probe') return change.from.kind === 'down' && change.to.kind === 'up'
  return change.kind === 'breaker' && change.task === undefined && change.to.kind === 'recovering'
}

/** Whether a backend became unavailable. */
export function isLoss(change: GroupChange): boolean {
  if (change.kind === 'probe') return change.to.kind === 'down'
  return change.kind === 'breaker' && change.task === undefined && change.to.kind === 'open'
}

/** When a backend that gets requests again may have been restarted, without any model; `undefined` for other changes. */
export function restartOf(change: GroupChange, now: number): number | undefined {
  // A request was its trial: what it has loaded since the ejection is loaded.
  if (isReturn(change) && change.kind === 'breaker' && change.from.kind === 'trial') return change.from.since
  return isReturn(change) || (change.kind === 'enabled' && change.enabled) ? now : undefined
}

/** What has changed about a backend, or about one of its endpoints. */
export type GroupChange =
  | HealthChange
  /** A request wants it while it is down: it was sent a packet, if it has an address for that. */
  | { readonly kind: 'wanted'; readonly error: Error | undefined }
  /** It was suspended because it was idle, or that failed. */
  | { readonly kind: 'suspended'; readonly error: Error | undefined }
  /** It was restarted, or that failed. It gets requests again. */
  | { readonly kind: 'recycled'; readonly error: Error | undefined }
  /** A canary was sent to it. */
  | {
      readonly kind: 'canary'
      /** Tasks, types and models of its job, such as `clip/visual/ViT-B-32__openai`. */
      readonly job: string
      readonly purpose: CanaryPurpose
      readonly result: CanaryResult
      /** How long it took, in milliseconds. */
      readonly time: number
    }
  /** It has loaded models before it gets requests for them, or that failed. */
  | {
      readonly kind: 'warmed'
      /** Such as `clip/textual/ViT-B-32__openai`. */
      readonly jobs: readonly string[]
      /** How long it took, in milliseconds. */
      readonly time: number
      /** Why a model was not loaded; `undefined` when all were. */
      readonly reason: string | undefined
    }
  /** A module has found something wrong with a model on it, or that it is right again. */
  | { readonly kind: 'model-problem'; readonly problem: ModelProblem; readonly fixed: boolean }
  /** Its name has got other addresses, or can be resolved again. */
  | {
      readonly kind: 'resolved'
      readonly endpoints: readonly string[]
      readonly added: readonly string[]
      /** They get nothing more; what is running there goes on. */
      readonly removed: readonly string[]
    }
  /**
   * Its name, or one of several, or that of a server of its service, cannot be resolved: the endpoints that were found by
   * it stay as they are.
   */
  | { readonly kind: 'unresolved'; readonly error: Error }
  /** A reload added it. */
  | { readonly kind: 'added'; readonly url: string }
  /** A reload removed it or changed its URL. Requests in flight there go on. */
  | { readonly kind: 'removed'; readonly url: string }
