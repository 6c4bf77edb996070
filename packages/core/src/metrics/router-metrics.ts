import { Registry } from 'prom-client'
import { constants } from '../config/constants.ts'
import type { Router, RouterStatus } from '../router/router.ts'
import type { MetricContext } from './families.ts'
import { makeGauges } from './gauges.ts'
import { HookCalls } from './hook-calls.ts'
import { Records } from './records.ts'

/** Options of `routerMetrics`. */
export interface MetricsOptions {
  /**
   * The registry of the metrics, such as `register`, the default one of prom-client.
   * @default a new registry
   */
  readonly registry?: Registry | undefined
  /**
   * Prefix of the metric names.
   * @default 'immich_ml_router_'
   */
  readonly prefix?: string | undefined
  /**
   * Whether requests and their durations have the label `model`. The first 50 models for which a backend answered get a
   * label value; other models are `other`.
   * @default false
   */
  readonly models?: boolean | undefined
  /**
   * Whether requests and their durations have the label `tenant`. The first 50 tenants for which a backend answered get a label
   * value; other tenants are `other`, and requests without a tenant `none`.
   * @default false
   */
  readonly tenants?: boolean | undefined
  /**
   * Upper bounds of all durations, in seconds.
   * @default 5 ms to 10 min; for held requests up to 12 h
   */
  readonly buckets?: readonly number[] | undefined
}

/** The metrics of one router. */
export interface RouterMetrics {
  readonly registry: Registry
  /** Removes the metrics from the registry, and stops listening to the router. */
  close(): void
}

/**
 * Registers Prometheus metrics of a router. Gauges read the router's status at each scrape; counters and histograms are
 * updated when a request completes.
 *
 * @throws when the registry already has a metric of the same name: give each router its own registry or prefix.
 */
export function routerMetrics(
  router: Pick<Router, 'on' | 'status'>,
  options: MetricsOptions = {},
): RouterMetrics {
  const { registry = new Registry(), prefix = constants.metricsPrefix, buckets } = options
  const names: string[] = []
  let read: RouterStatus | undefined
  const status = (): RouterStatus => {
    if (read !== undefined) return read
    read = router.status()
    // All metrics are read in one turn, so one status serves them all.
    queueMicrotask(() => {
      read = undefined
    })
    records.sync(read)
    return read
  }
  const context: MetricContext = { registry, prefix, names, beforeRead: () => void status() }
  const records = new Records(context, {
    models: options.models ?? false,
    tenants: options.tenants ?? false,
    buckets: buckets ?? constants.metricsBuckets,
    longBuckets: buckets ?? [...constants.metricsBuckets, ...constants.metricsLongBuckets],
  })
  makeGauges(context, status)
  const hooks = new HookCalls(context, status)
  records.sync(router.status())
  const stop = [
    router.on('request', (event) => records.request(event)),
    router.on('backend', (event) => {
      records.backend(event)
      hooks.backend(event)
    }),
  ]
  return {
    registry,
    close: () => {
      for (const end of stop) end()
      for (const name of names) registry.removeSingleMetric(name)
    },
  }
}
