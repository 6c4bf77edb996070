export { type MetricsOptions, type RouterMetrics, routerMetrics } from './router-metrics.ts'
