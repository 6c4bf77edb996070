import type { Report } from '../src/wire.ts'
import type { Format } from './format.ts'
import type { Store } from './store.ts'

/** The data of the page at one moment. */
export interface Model {
  readonly report: Report
  readonly store: Store
  /** The time on the router's clock: that of the report, plus the time since its arrival. */
  readonly now: number
  /** Converts a time of the router's clock to one of `Date.now()`. */
  readonly wallOf: (moment: number) => number
  readonly format: Format
}
