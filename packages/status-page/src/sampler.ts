import type { Clock, Router } from '@immich-ml-router/core'
import { defaults } from './defaults.ts'
import type { Recorder } from './recorder.ts'

/** Records at the end of each span how the backends were used in it, also without viewers. */
export class Sampler {
  readonly #router: Pick<Router, 'status'>
  readonly #recorder: Recorder
  readonly #clock: Clock
  #cancel: (() => void) | undefined

  constructor(router: Pick<Router, 'status'>, recorder: Recorder, clock: Clock) {
    this.#router = router
    this.#recorder = recorder
    this.#clock = clock
  }

  start(): void {
    const left = defaults.span - (this.#clock.now() % defaults.span)
    this.#cancel = this.#clock.after(left, () => {
      this.#recorder.recordUse(this.#router.status())
      this.start()
    })
  }

  stop(): void {
    this.#cancel?.()
  }
}
