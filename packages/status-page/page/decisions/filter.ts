import type { DecisionView, Fate, JobKind } from '../../src/wire.ts'

/** `problems`: every outcome but `answered`. */
export type Outcome = Fate | 'problems'
export type Order = 'newest' | 'slowest'

/** What the list shows. `undefined` shows all. */
export interface Filter {
  readonly job?: JobKind | undefined
  readonly backend?: string | undefined
  readonly route?: string | undefined
  readonly outcome?: Outcome | undefined
  readonly order: Order
}

export function isFiltered({ job, backend, route, outcome }: Filter): boolean {
  return [job, backend, route, outcome].some((part) => part !== undefined)
}

/** The requests that pass a filter, in its order. @param decisions Newest first. */
export function filtered(decisions: readonly DecisionView[], filter: Filter): DecisionView[] {
  const passing = decisions.filter((decision) => passes(decision, filter))
  return filter.order === 'slowest' ? passing.toSorted((a, b) => b.total - a.total) : passing
}

function passes(decision: DecisionView, { job, backend, route, outcome }: Filter): boolean {
  return (
    (job === undefined || decision.kind === job) &&
    (route === undefined || decision.route === route) &&
    (backend === undefined || decision.attempts.some((attempt) => attempt.backend === backend)) &&
    (outcome === undefined ||
      (outcome === 'problems' ? decision.fate !== 'answered' : decision.fate === outcome))
  )
}

const KEYS = ['job', 'backend', 'route', 'outcome', 'order'] as const

/** A filter as the fragment of the page's address, empty for the default. */
export function toFragment(filter: Filter): string {
  const pairs = KEYS.flatMap((key): [string, string][] => {
    const value = filter[key]
    return value === undefined || value === 'newest' ? [] : [[key, value]]
  })
  return new URLSearchParams(pairs).toString()
}

/** The values in a fragment. The lists of the page accept only those that they offer. */
export function fromFragment(fragment: string): ReadonlyMap<string, string> {
  return new Map(new URLSearchParams(fragment.replace(/^#/, '')))
}
