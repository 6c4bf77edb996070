import type { Limit } from './limit.ts'

/** A limit from the configuration. */
export class FixedLimit implements Limit {
  readonly mayGrow = false
  readonly standby = 0
  readonly isQuick = false
  readonly urgentExtra = 0
  readonly current: number
  readonly workers: number

  /** @param limit `Infinity` for none. */
  constructor(limit: number) {
    this.current = limit
    this.workers = limit
  }

  begin(): undefined {}

  end(): void {}
}
