import type { Report } from '../src/wire.ts'
import type { Format } from './format.ts'
import type { Store } from './store.ts'

/** What there is to show at a moment. */
export interface Model {
  readonly report: Report
  readonly store: Store
  /** On the router's clock: later than the report by as much as has passed since it came. */
  readonly now: number
  /** A moment of the router's clock as one of `Date.now()`. */
  readonly wallOf: (moment: number) => number
  readonly format: Format
}
