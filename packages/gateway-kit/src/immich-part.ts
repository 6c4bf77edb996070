import type { Router } from '@immich-ml-router/core'
import type { ImmichQueues, ImmichView } from '@immich-ml-router/immich'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'

/** Immich's queues, which are loaded once the configuration has them. */
export class ImmichPart {
  readonly #logger: Logger
  readonly #onMetrics: (registry: Registry) => void
  #queues: ImmichQueues | undefined

  /** @param onMetrics Gets the metrics of the queues. */
  constructor(logger: Logger, onMetrics: (registry: Registry) => void) {
    this.#logger = logger
    this.#onMetrics = onMetrics
  }

  async attach(router: Router): Promise<void> {
    const [{ immichQueues }, { immichMetrics }] = await Promise.all([
      import('@immich-ml-router/immich'),
      import('@immich-ml-router/immich/metrics'),
    ])
    this.#queues = immichQueues(router, { logger: this.#logger })
    this.#onMetrics(immichMetrics(this.#queues))
  }

  readonly view = (): ImmichView | undefined => this.#queues?.view()

  /** Whether jobs for a backend wait in Immich. */
  readonly isExpected = (backend: string): boolean => this.#queues?.expects(backend) ?? false

  async prepareStop(): Promise<void> {
    await this.#queues?.prepareStop()
  }
}
