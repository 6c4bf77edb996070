import { Registry } from 'prom-client'
import { constants } from '../config/constants.ts'
import type { Router, RouterStatus } from '../router/router.ts'
import type { Home } from './families.ts'
import { makeGauges } from './gauges.ts'
import { Records } from './records.ts'

/** Options of `routerMetrics`. */
export interface MetricsOptions {
  /**
   * Where the metrics are registered, such as `register` of prom-client for the default one.
   * @default one of its own
   */
  readonly registry?: Registry | undefined
  /**
   * What their names begin with.
   * @default 'immich_ml_router_'
   */
  readonly prefix?: string | undefined
  /**
   * Whether the model is a label of requests and of their durations: the first 50 models that a backend has answered for;
   * what is further is `other`.
   * @default false
   */
  readonly models?: boolean | undefined
  /**
   * Upper bounds of all durations, in seconds.
   * @default 5 ms to 10 min; for waiting until a backend is there, up to 12 h
   */
  readonly buckets?: readonly number[] | undefined
}

/** The metrics of one router. */
export interface RouterMetrics {
  readonly registry: Registry
  /** Takes the metrics off the registry, and listens to the router no more. */
  close(): void
}

/**
 * Counts what a router does, for Prometheus. What it says of the present is read when the registry is; the rest is
 * counted when a request is over.
 *
 * @throws when the registry has metrics of these names: two routers need a registry or a prefix each.
 */
export function routerMetrics(
  router: Pick<Router, 'on' | 'status'>,
  options: MetricsOptions = {},
): RouterMetrics {
  const { registry = new Registry(), prefix = constants.metricsPrefix, models = false, buckets } = options
  const names: string[] = []
  let read: RouterStatus | undefined
  const status = (): RouterStatus => {
    if (read !== undefined) return read
    read = router.status()
    // All metrics are read in one turn: they tell of the same moment, and it is asked for once.
    queueMicrotask(() => {
      read = undefined
    })
    records.heed(read)
    return read
  }
  const home: Home = { registry, prefix, names, beforeRead: () => void status() }
  const records = new Records(home, {
    models,
    buckets: buckets ?? constants.metricsBuckets,
    longBuckets: buckets ?? [...constants.metricsBuckets, ...constants.metricsLongBuckets],
  })
  makeGauges(home, status)
  records.heed(router.status())
  const stop = [
    router.on('request', (event) => records.request(event)),
    router.on('backend', (event) => records.backend(event)),
  ]
  return {
    registry,
    close: () => {
      for (const end of stop) end()
      for (const name of names) registry.removeSingleMetric(name)
    },
  }
}
