/**
 * Prometheus metrics of Immich's queues.
 *
 * @module immich/metrics
 */

import { defaults } from '@immich-ml-router/core/parts'
import { Counter, Gauge, Registry } from 'prom-client'
import type { ImmichQueue, ImmichQueues } from './immich-queues.ts'

/** Options of `immichMetrics`. */
export interface ImmichMetricsOptions {
  /**
   * The registry of the metrics.
   * @default a new registry
   */
  readonly registry?: Registry | undefined
  /**
   * Prefix of the metric names.
   * @default 'immich_ml_router_'
   */
  readonly prefix?: string | undefined
}

/**
 * Registers metrics of Immich's queues. They are read at each scrape, and absent while the router has no option `immich`.
 *
 * @returns The registry.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { immichQueues } from '@immich-ml-router/immich'
 * import { immichMetrics } from '@immich-ml-router/immich/metrics'
 *
 * const router = createRouter({ backends: { gpu: { url: 'http://gpu:3003' } } })
 * const registry = immichMetrics(immichQueues(router))
 * console.log(await registry.metrics())
 * ```
 */
export function immichMetrics(
  queues: Pick<ImmichQueues, 'view'>,
  { registry = new Registry(), prefix = defaults.metricsPrefix }: ImmichMetricsOptions = {},
): Registry {
  const registers = [registry]
  const byQueue = (name: string, help: string, read: (queue: ImmichQueue) => number | undefined) =>
    new Gauge({
      name: `${prefix}immich_${name}`,
      help,
      labelNames: ['queue'],
      registers,
      collect() {
        this.reset()
        for (const queue of queues.view()?.queues ?? []) {
          const value = read(queue)
          if (value !== undefined) this.set({ queue: queue.name }, value)
        }
      },
    })
  new Gauge({
    name: `${prefix}immich_up`,
    help: 'Whether Immich told of its queues when it was last asked (1) or not (0).',
    labelNames: [],
    registers,
    collect() {
      const view = queues.view()
      if (view === undefined) this.remove()
      else this.set(Number(view.problem === undefined && view.updated !== undefined))
    },
  })
  byQueue('queue_jobs', 'Jobs in a queue of Immich that are not done.', ({ remaining }) => remaining)
  byQueue('queue_active_jobs', 'Jobs of a queue of Immich that are running.', ({ active }) => active)
  byQueue('queue_paused', 'Whether the router has paused a queue of Immich (1) or not (0).', ({ pausedBy }) =>
    Number(pausedBy === 'router'),
  )
  byQueue(
    'queue_expected_end_timestamp_seconds',
    'When the jobs of a queue of Immich are done at the current rate, in seconds since 1970.',
    ({ expectedEnd }) => (expectedEnd === undefined ? undefined : expectedEnd / 1_000),
  )
  byQueue(
    'lost_jobs',
    'Jobs of a queue of Immich that were lost and are not queued again yet.',
    ({ lost }) => lost,
  )
  new Counter({
    name: `${prefix}immich_heals_total`,
    help: 'How often lost jobs of a queue of Immich were queued again.',
    labelNames: ['queue'],
    registers,
    collect() {
      this.reset()
      for (const { name, heals } of queues.view()?.queues ?? []) this.inc({ queue: name }, heals)
    },
  })
  return registry
}
