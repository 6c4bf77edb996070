import type { IncomingHttpHeaders } from 'node:http'
import type { Entry, PredictInput } from '../classify/classification.ts'
import type { Sample } from './samples.ts'

/**
 * Why a canary is sent: to judge a failed request, to get an answer for a module, or to load a model. The time of a load does not
 * count against what canaries may take.
 */
export type CanaryPurpose = 'failure' | 'question' | 'load'

/** The job of a canary: that of the request whose failure it judges. */
export interface CanaryJob {
  /** Its tasks, types and models in one key, of at most 256 characters. */
  readonly key: string
  /** A digest of its entries, with their options. */
  readonly exact: string
  readonly entries: readonly Entry[]
  readonly input: PredictInput
  /** Headers of the request that failed: a proxy in front of the backend may need some. */
  readonly headers: IncomingHttpHeaders
  /** What it sends in place of the last request of its kind; its entries are replaced by those of the job. */
  readonly sample?: Sample | undefined
  /** Why it is sent; default: `failure`. */
  readonly purpose?: CanaryPurpose | undefined
  /** Gets a good answer. */
  readonly onAnswer?: ((answer: Buffer) => void) | undefined
}
