/** Why a request cannot go to a backend now, and when that may change by itself. */
export interface Obstacle {
  readonly kind:
    | 'full'
    | 'recovering'
    /** Its name is being resolved for the first time. */
    | 'resolving'
    | 'busy'
    | 'ejected'
    | 'down'
    | 'lacks'
    /** Its name has no address. */
    | 'unresolved'
    | 'disabled'
  /** On the clock; `Infinity` when only an event can change it. */
  readonly until: number
}
