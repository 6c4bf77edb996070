import type { Outcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import { constants } from '../config/constants.ts'
import type { RequestEvent } from '../router/router.ts'
import { shorten } from '../shorten.ts'

/** What became of a request, as its client sees it. */
export type RequestOutcome =
  /** A backend's answer reached the client whole, with a status below 400. */
  | 'answered'
  /** The same, with a 4xx. */
  | 'client_error'
  /** The same, with a 5xx. */
  | 'server_error'
  /** No backend could answer, or not in time. */
  | 'failed'
  /** An answer had begun, and was cut off. */
  | 'cut_off'
  /** There was no backend, it had waited too long, too many waited, or the router was closing: 503. */
  | 'unavailable'
  /** The router did not take it, such as one that is too large: 4xx. */
  | 'refused'
  /** The client did not wait for the answer, or broke its upload off. */
  | 'client_left'

/** What stands for a route or a backend that a request has not come to. */
export const NONE = 'none'
const SEVERAL = 'several'
const OTHER = 'other'
const UNKNOWN = 'unknown'

/** The tasks that Immich has. */
const IMMICH_TASKS: readonly string[] = ['clip', 'facial-recognition', 'ocr']
/** The types that Immich has. */
const IMMICH_TYPES: ReadonlySet<string> = new Set(['textual', 'visual', 'detection', 'recognition'])

export function outcomeOf({ outcome, error }: RequestEvent): RequestOutcome {
  if (outcome?.kind === 'answered') {
    if (outcome.status < 400) return 'answered'
    return outcome.status < 500 ? 'client_error' : 'server_error'
  }
  if (outcome?.kind === 'client-left') return 'client_left'
  if (outcome?.reachedClient === true) return 'cut_off'
  return refusalOf(error) ?? (isShutdown(outcome) ? 'unavailable' : 'failed')
}

/** What an error of the router's own stands for. */
function refusalOf(error: Error | undefined): RequestOutcome | undefined {
  // Not by its class: a program that both imports and requires the packages has two of it.
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

/** `answered`, `passed_over`, …, and of a failure its cause: `connect_timeout`, `reset`, … */
export function attemptOutcomeOf(outcome: Outcome): string {
  return (outcome.kind === 'failed' ? outcome.cause : outcome.kind).replaceAll('-', '_')
}

/** `text`, `image`, or none: what tells a search from the indexing of an image, which are one task. */
export function inputOf(classification: Classification | undefined): string {
  return classification?.input ?? NONE
}

/**
 * Names of tasks as labels. They come from clients, each of whom could invent more than a database can hold: those have a
 * label of their own that Immich has or the policy names.
 */
export class TaskNames {
  #known = new Set(IMMICH_TASKS)

  /** The policy names these. */
  know(tasks: readonly string[]): void {
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

  /** Both labels of a name by which health is kept, such as `clip/visual`. */
  partsOf(name: string): { readonly task: string; readonly type: string } {
    const slash = name.indexOf('/')
    const [task, type] = slash === -1 ? [name, ''] : [name.slice(0, slash), name.slice(slash + 1)]
    return { task: this.nameOf(task), type: IMMICH_TYPES.has(type) ? type : OTHER }
  }
}

/** What real models are called; a comma would make two series one in prom-client. */
const MODEL = /^[\w.:/@ -]{1,100}$/

/**
 * Names of models as labels, with the same care: a name has a label of its own once a backend has answered a request for
 * it, and there are so many at most.
 */
export class ModelNames {
  readonly #known = new Set<string>()

  of(classification: Classification | undefined, outcome: RequestOutcome): string {
    const [model, ...others] = new Set(classification?.entries.map((entry) => entry.model))
    if (model === undefined) return NONE
    if (others.length > 0) return SEVERAL
    if (outcome === 'answered' && this.#known.size < constants.metricsMostModels && MODEL.test(model))
      this.#known.add(model)
    return this.#known.has(model) ? model : OTHER
  }
}
