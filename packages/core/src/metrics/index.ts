/**
 * Metrics for Prometheus, on prom-client.
 *
 * @module core/metrics
 */

export { type MetricsOptions, type RouterMetrics, routerMetrics } from './router-metrics.ts'
