import type { BodyStore } from '../body/body-store.ts'
import type { Classification } from '../classify/classification.ts'
import { NoBackendError } from '../errors.ts'
import type { Explanation } from '../explain/explanation.ts'
import type { Heartbeat } from '../forward/heartbeat.ts'
import type { RequestHead } from '../incoming-message.ts'
import type { ExplainOptions } from '../routing/select-options.ts'
import type { Exchange } from './exchange.ts'
import type { Select } from './select-backend.ts'

/** A request that its route has no candidate for. */
export interface SplitRequest {
  readonly exchange: Exchange
  /** Has its route, and explains its tasks. */
  readonly select: Select
  readonly head: RequestHead
  /** Where its body is retained. */
  readonly store: BodyStore
  /** Keeps its client from giving up. */
  readonly heartbeat: Heartbeat | undefined
  /** When its client needs the head of an answer, on the clock; `Infinity` for a client that takes heartbeats. */
  readonly headBy: number
}

/** Answers requests that no single backend serves, by a request for each task. */
export interface Splitter {
  /**
   * Answers the request, and sets `parts` of its exchange.
   *
   * @returns `false` when the request cannot be split: then it is untouched.
   * @throws {RouterError} when the client gets no answer.
   */
  split(request: SplitRequest): Promise<boolean>
  /** Explains a request, with where each task goes if it is split. */
  explain(
    select: Pick<Select, 'explain'>,
    classification: Classification,
    options?: ExplainOptions,
  ): Explanation
}

/** Splits a request that failed because it has no candidate. @returns Its failure; `undefined` when it is answered. */
export async function splitAfter(
  failure: unknown,
  splitter: Splitter | undefined,
  request: SplitRequest,
): Promise<unknown> {
  if (splitter === undefined || !(failure instanceof NoBackendError)) return failure
  try {
    return (await splitter.split(request)) ? undefined : failure
  } catch (error) {
    return error
  }
}
