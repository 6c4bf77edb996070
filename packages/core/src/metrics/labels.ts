import type { Outcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import { constants } from '../config/constants.ts'
import type { RequestEvent } from '../router/router.ts'
import { shorten } from '../shorten.ts'

/** The outcome of a request for its client. */
export type RequestOutcome =
  /** A backend's answer reached the client whole, with a status below 400. */
  | 'answered'
  /** The client got a saved answer, of the search cache, and no backend was needed. */
  | 'cached'
  /** The client got a saved answer that is too old to be preferred, because no backend could answer. */
  | 'cached_stale'
  /** The client got the merged answers of requests for one task each, or the failure of one of them. These count as well. */
  | 'split'
  /** The same, with a 4xx. */
  | 'client_error'
  /** The same, with a 5xx. */
  | 'server_error'
  /** No backend answered in time. */
  | 'failed'
  /** The connection broke in the middle of the answer. */
  | 'cut_off'
  /** 503: no backend, the wait expired, the queue is full, or the router is closing. */
  | 'unavailable'
  /** The router refused the request, for example because it is too large: 4xx. */
  | 'refused'
  /** The client left before the answer, or aborted its upload. */
  | 'client_left'

/** The label of a request without a route or backend. */
export const NONE = 'none'
const SEVERAL = 'several'
const OTHER = 'other'
const UNKNOWN = 'unknown'

/** Immich's tasks. */
const IMMICH_TASKS: readonly string[] = ['clip', 'facial-recognition', 'ocr']
/** Immich's types. */
const IMMICH_TYPES: ReadonlySet<string> = new Set(['textual', 'visual', 'detection', 'recognition'])

export function outcomeOf({ outcome, error, status, cached, parts }: RequestEvent): RequestOutcome {
  if (parts !== undefined && status !== undefined) return 'split'
  if (cached !== undefined) return cached === 'fresh' ? 'cached' : 'cached_stale'
  if (outcome?.kind === 'answered') {
    if (outcome.status < 400) return 'answered'
    return outcome.status < 500 ? 'client_error' : 'server_error'
  }
  if (outcome?.kind === 'client-left') return 'client_left'
  if (outcome?.reachedClient === true) return 'cut_off'
  if (outcome === undefined && error === undefined && status !== undefined) return outcomeInCode(status)
  return refusalOf(error) ?? (isShutdown(outcome) ? 'unavailable' : 'failed')
}

/** The outcome of a request that middleware between the steps of a router answered. */
function outcomeInCode(status: number): RequestOutcome {
  if (status < 400) return 'answered'
  return status < 500 ? 'refused' : 'failed'
}

/** The outcome for an error that the router raised itself. */
function refusalOf(error: Error | undefined): RequestOutcome | undefined {
  // Not by class: a program that both imports and requires the package has two copies of it.
  if (error === undefined || !('code' in error) || !('status' in error)) return undefined
  const { code, status } = error
  if (code === 'client-left' || code === 'body-failed') return 'client_left'
  if (typeof status !== 'number') return undefined
  if (status === 503) return 'unavailable'
  return status < 500 || code === 'unsupported-transfer-coding' ? 'refused' : 'failed'
}

function isShutdown(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'failed' && outcome.cause === 'shutdown'
}

/** `answered`, `passed_over`, …; for a failure its cause: `connect_timeout`, `reset`, … */
export function attemptOutcomeOf(outcome: Outcome): string {
  return (outcome.kind === 'failed' ? outcome.cause : outcome.kind).replaceAll('-', '_')
}

/**
 * Task names as label values. A client can invent any number of names, so only the tasks of Immich and of the policy get a
 * label value.
 */
export class TaskNames {
  #known = new Set(IMMICH_TASKS)

  /** Replaces the tasks that the policy names. */
  configure(tasks: readonly string[]): void {
    this.#known = new Set([...IMMICH_TASKS, ...tasks])
  }

  of(classification: Classification | undefined): string {
    if (classification === undefined || !classification.classified) return UNKNOWN
    const [task = UNKNOWN, ...others] = classification.tasks
    return others.length > 0 ? SEVERAL : this.nameOf(task)
  }

  nameOf(task: string): string {
    return this.#known.has(task) ? shorten(task) : OTHER
  }

  /** The labels of a pair of task and type, such as `clip/visual`. */
  partsOf(name: string): { readonly task: string; readonly type: string } {
    const slash = name.indexOf('/')
    const [task, type] = slash === -1 ? [name, ''] : [name.slice(0, slash), name.slice(slash + 1)]
    return { task: this.nameOf(task), type: IMMICH_TYPES.has(type) ? type : OTHER }
  }
}

/** Names without commas: prom-client would merge two series. */
const NAME = /^[\w.:/@ -]{1,100}$/

/** Names that clients choose, as label values: the first ones for which a backend answered. */
class ClientNames {
  readonly #known = new Set<string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  of(name: string, outcome: RequestOutcome): string {
    if (outcome === 'answered' && this.#known.size < this.#most && NAME.test(name)) this.#known.add(name)
    return this.#known.has(name) ? name : OTHER
  }
}

/** Model names as label values: the first {@link constants.metricsMostModels} models for which a backend answered. */
export class ModelNames {
  readonly #names = new ClientNames(constants.metricsMostModels)

  of(classification: Classification | undefined, outcome: RequestOutcome): string {
    const [model, ...others] = new Set(classification?.entries.map((entry) => entry.model))
    if (model === undefined) return NONE
    return others.length > 0 ? SEVERAL : this.#names.of(model, outcome)
  }
}

/** Tenants as label values: the first {@link constants.metricsMostTenants} tenants for which a backend answered. */
export class TenantNames {
  readonly #names = new ClientNames(constants.metricsMostTenants)

  of(tenant: string | undefined, outcome: RequestOutcome): string {
    return tenant === undefined ? NONE : this.#names.of(tenant, outcome)
  }
}
