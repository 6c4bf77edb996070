import type { ErrorCode } from '../errors.ts'

/** Why a request goes where it goes. Plain data: {@link explanationText} puts it in words. */
export interface Explanation extends RouteExplanation {
  /** The place of its route, from 0. */
  readonly index: number
  /** How many routes there are. */
  readonly routes: number
  /** The routes before it, none of which takes the request. */
  readonly passedRoutes: readonly PassedRoute[]
}

/** What a route does with a request. */
export interface RouteExplanation {
  /** Name of the route. */
  readonly route: string
  /** The name of its strategy; for one written in code that of its function, if it has one. */
  readonly strategy: string
  /** How urgent the request is; 0 is not. */
  readonly priority: number
  /** The backends of the route, and of those whose name has many addresses each endpoint, in the route's order. */
  readonly candidates: readonly CandidateExplanation[]
  readonly decision: ExplainedDecision
}

/** A route that does not take the request. */
export interface PassedRoute {
  readonly name: string
  readonly index: number
  /** The member of its match that does not fit: `function` for a match in code, `classified` when nothing is known of the job. */
  readonly member: 'task' | 'type' | 'model' | 'input' | 'header' | 'path' | 'function' | 'classified'
  /**
   * In words, such as `task is ocr, not clip`. Values of headers that carry credentials, such as `authorization`, are left out.
   */
  readonly words: string
}

/** One server that the request might go to. */
export interface CandidateExplanation {
  /** Name of the backend. */
  readonly backend: string
  /** The address, when it is one of several that the backend has. */
  readonly endpoint: string | undefined
  /**
   * `chosen`: the request goes there. `next`: it would if the chosen one failed. `lower`: it can be used, and others rank
   * before it. `awaited`: the request waits for it, or for another awaited one. `passed-over`: it cannot be used, or the
   * strategy would rather wait for another.
   */
  readonly verdict: 'chosen' | 'next' | 'lower' | 'awaited' | 'passed-over'
  readonly reason: CandidateReason
  /** The reason in words, such as `full (3 of 3 in flight)`. */
  readonly words: string
}

/** Why a candidate is chosen, or is not. Durations are milliseconds from now; `undefined` when only an event can end it. */
export type CandidateReason =
  /** It can be used, and its strategy has compared it with the others. */
  | {
      readonly kind: 'rated'
      /** What the strategy goes by. */
      readonly score: number
      /** The same in words. */
      readonly rating: string
      /** From 1. */
      readonly place: number
      /** How many the strategy was asked about. */
      readonly of: number
    }
  /** It can be used; what its strategy thinks of it is not known, or was not asked. */
  | { readonly kind: 'usable' }
  | { readonly kind: 'excluded' }
  /** A module has found that the model does not work as it should there, and excludes it. */
  | { readonly kind: 'model-problem'; readonly why: string }
  /**
   * Its settings say that it does not have these tasks; it has said so itself when there is an end. No tasks stand for an
   * unclassified request.
   */
  | { readonly kind: 'lacks-task'; readonly tasks: readonly string[]; readonly endsIn: number | undefined }
  | { readonly kind: 'drained' }
  /** Its name has no address. */
  | { readonly kind: 'unresolved'; readonly why: string }
  /** Its name is being resolved for the first time. */
  | { readonly kind: 'resolving' }
  /** It does not answer its probes. */
  | { readonly kind: 'down'; readonly why: string; readonly lastsFor: number }
  /** Requests failed there several times in a row. */
  | {
      readonly kind: 'ejected'
      /** The task that fails; the backend as a whole, when there is none. */
      readonly task: string | undefined
      readonly why: string
      readonly endsIn: number | undefined
    }
  /** Throttled: it answered 429. */
  | { readonly kind: 'busy'; readonly endsIn: number }
  /** It loads these models, and another backend is available. */
  | { readonly kind: 'warming'; readonly models: readonly string[] }
  /** It is recovering, and has as many requests as it gets for now. */
  | { readonly kind: 'recovering'; readonly inFlight: number }
  /** It is recovering, and the request is still arriving. */
  | { readonly kind: 'still-arriving' }
  /** It has as many requests as it may have. */
  | {
      readonly kind: 'full'
      readonly inFlight: number
      readonly limit: number
      /** What its strategy thinks of waiting for it, if that was asked. */
      readonly rating: string | undefined
    }
  /** What is left of its slots is for urgent requests. */
  | { readonly kind: 'reserved'; readonly inFlight: number; readonly limit: number }
  /** The request has failed there. */
  | { readonly kind: 'tried' }
  /** A request failed there recently, and a retry prefers a backend without failures. */
  | { readonly kind: 'failed-lately' }
  | { readonly kind: 'higher-tier'; readonly tier: number; readonly used: number }

/** What becomes of one task of a request that is split. */
export interface TaskDecision {
  readonly task: string
  /** Name of the route that takes it. */
  readonly route: string
  readonly decision: ExplainedDecision
}

/** What a request does next. */
export type ExplainedDecision =
  | {
      readonly kind: 'forward'
      readonly backend: string
      readonly endpoint: string | undefined
      /** Whether every candidate is unavailable, and this one is tried anyway. */
      readonly leastBad: boolean
    }
  /** `queue`: it waits for a slot of a backend at its limit. `hold`: it waits for an available backend. */
  | {
      readonly kind: 'queue' | 'hold'
      /** The longest wait, in milliseconds; `undefined` for no limit. */
      readonly maxWait: number | undefined
      /** Requests of this route that wait already. */
      readonly waiting: number
    }
  /** No candidate serves all of its tasks, and each task has one: each goes where its own decision says. */
  | { readonly kind: 'split'; readonly parts: readonly TaskDecision[] }
  | {
      readonly kind: 'reject'
      readonly status: number
      readonly code: ErrorCode
      readonly message: string
    }
