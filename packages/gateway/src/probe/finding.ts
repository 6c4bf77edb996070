import type { ImmichJob } from './immich-jobs.ts'

/** What a backend made of one job. Times are milliseconds. */
export type JobResult =
  /** `time`: the faster of two requests. `first`: the first one, which may have loaded a model. `answer`: the body. */
  | {
      readonly kind: 'works'
      readonly time: number
      readonly first: number
      readonly answer?: Buffer | undefined
    }
  /** It does not have this task or model. */
  | { readonly kind: 'lacks'; readonly reason: string }
  | { readonly kind: 'fails'; readonly reason: string }
  /** It refused the request for now, so nothing is known. */
  | { readonly kind: 'busy'; readonly reason: string }
  /** No answer in the time for the backend. */
  | { readonly kind: 'late'; readonly reason: string }

/** A job and its result. */
export interface JobFinding {
  readonly job: ImmichJob
  readonly result: JobResult
}

/** What was found out about one backend. */
export type Finding =
  /**
   * No job can be sent there. `unreachable`: no connection, or nothing answers. `wrong`: something answers, but it is not an
   * ML server, or it refuses the router. The reason names the remedy.
   */
  | { readonly kind: 'unusable'; readonly cause: 'unreachable' | 'wrong'; readonly reason: string }
  /** It answers. `ping`: the time of `GET /ping` in milliseconds, the faster of two. */
  | { readonly kind: 'answers'; readonly ping: number; readonly jobs: readonly JobFinding[] }

/** The result for one job; `undefined` if it was not asked for. */
export function resultOf(finding: Finding | undefined, { id }: ImmichJob): JobResult | undefined {
  return finding?.kind === 'answers' ? finding.jobs.find(({ job }) => job.id === id)?.result : undefined
}

/** A first request that took this many times as long as the second one has loaded a model. */
const LOADING = 3
/** Below this time in milliseconds, it may be chance. */
const LEAST_LOADING = 500

/** Whether the first request probably waited until the model was loaded. */
export function hasLoadedModel(result: JobResult): boolean {
  return result.kind === 'works' && result.first >= Math.max(LEAST_LOADING, LOADING * result.time)
}
