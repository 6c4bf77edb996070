import { FakeClock } from '@immich-ml-router/core/testing'

/** Time that jumps from one event to the next. Everything that a callback starts is over before the next one runs. */
export class SimClock extends FakeClock {
  /** Runs until there is nothing left to do, or `until` says so. */
  async run(until: () => boolean): Promise<void> {
    // What was started before the first event must be over, too.
    do await new Promise(setImmediate)
    while (!until() && this.step())
  }
}
