import type { Classification, Entry, PredictInput } from '../classify/classification.ts'

/** The job of a canary: that of the request whose failure it judges. */
export interface CanaryJob {
  /** Its tasks, types and models in one key, of at most 256 characters. */
  readonly key: string
  /** A digest of its entries, with their options. */
  readonly exact: () => string
  readonly entries: readonly Entry[]
  readonly input: PredictInput
}

/**
 * The job of a canary for a request like this.
 *
 * @param key The tasks, types and models of the request.
 * @param exact A digest of its entries, called when it is needed.
 * @returns `undefined` when there can be none: the job is unknown, or has no payload of its own, as with some forks.
 */
export function canaryJobOf(
  key: string,
  exact: () => string,
  { entries, input }: Classification,
): CanaryJob | undefined {
  return input === undefined ? undefined : { key, exact, entries, input }
}
