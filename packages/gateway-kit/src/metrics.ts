import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Router } from '@immich-ml-router/core'
import { type RouterMetrics, routerMetrics } from '@immich-ml-router/core/metrics'
import { defaults, pathOf } from '@immich-ml-router/core/parts'
import type { RunView, StatusPage } from '@immich-ml-router/status-page'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Reloader } from './reloader.ts'

/** prom-client names these gauges like counters, which `promtool check metrics` rejects. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
]

let processRegistry: Registry | undefined

/** The metrics of the process. They exist once, because their observers cannot be stopped. */
function processMetrics(): Registry {
  if (processRegistry !== undefined) return processRegistry
  processRegistry = new Registry()
  collectDefaultMetrics({ register: processRegistry })
  for (const name of MISNAMED) processRegistry.removeSingleMetric(name)
  return processRegistry
}

/** The metrics of a configuration file, with the names that Prometheus uses for its own. */
function reloadMetrics(reloader: Pick<Reloader, 'last'>): Registry {
  const registry = new Registry()
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `${defaults.metricsPrefix}config_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge(
    'last_reload_successful',
    'Whether the last reload of the configuration file succeeded (1) or failed (0).',
    () => Number(reloader.last.successful),
  )
  gauge(
    'last_reload_success_timestamp_seconds',
    'Time of the last successful reload of the configuration file, in seconds since 1970.',
    () => reloader.last.succeededAt / 1_000,
  )
  return registry
}

/** The metrics of the current run of bulk jobs, as the status page shows it. */
function runMetrics(page: Pick<StatusPage, 'runs'>): Registry {
  const registry = new Registry()
  const gauge = (name: string, help: string, read: (run: RunView) => number) =>
    new Gauge({
      name: `${defaults.metricsPrefix}run_${name}`,
      help,
      registers: [registry],
      collect() {
        const last = page.runs().at(-1)
        this.set(last === undefined || last.end !== undefined ? 0 : read(last))
      },
    })
  gauge('jobs', 'Completed jobs of the current run of bulk jobs; 0 while there is none.', ({ jobs }) => jobs)
  gauge(
    'failures',
    'Jobs of the current run without a good answer; 0 while there is none.',
    ({ failures }) => failures,
  )
  gauge(
    'start_timestamp_seconds',
    'Start of the current run, in seconds since 1970; 0 while there is none.',
    ({ start }) => start / 1_000,
  )
  return registry
}

/** What has metrics of its own in a gateway. */
export interface MetricSources {
  /** Whether requests have the label `tenant`. */
  readonly tenants?: boolean
  /** Of the configuration file, if there is one. */
  readonly reloader?: Pick<Reloader, 'last'> | undefined
  /** The status page, if it is on. */
  readonly page?: Pick<StatusPage, 'runs'> | undefined
}

/** Serves `GET /metrics`: the metrics of the router, of its configuration file, of runs and of the process. */
export class GatewayMetrics {
  readonly #metrics: RouterMetrics
  #registry: Registry
  #rendering: Promise<Buffer> | undefined

  constructor(router: Router, { tenants = false, reloader, page }: MetricSources = {}) {
    this.#metrics = routerMetrics(router, { tenants })
    const own = [
      reloader === undefined ? [] : reloadMetrics(reloader),
      page === undefined ? [] : runMetrics(page),
    ]
    this.#registry = Registry.merge([this.#metrics.registry, ...own.flat(), processMetrics()])
  }

  /** Answers `GET /metrics`. @returns False for any other request. */
  readonly handle = (req: IncomingMessage, res: ServerResponse): boolean => {
    if (!isForMetrics(req)) return false
    this.#send(res)
    return true
  }

  /** Answers `GET /metrics`, and any other request with 404. */
  answer(req: IncomingMessage, res: ServerResponse): void {
    if (!this.handle(req, res)) end(res, 404, STATUS_CODES[404] ?? '')
  }

  /** Serves further metrics. */
  add(registry: Registry): void {
    this.#registry = Registry.merge([this.#registry, registry])
  }

  close(): void {
    this.#metrics.close()
  }

  #send(res: ServerResponse): void {
    this.#render().then(
      (text) => end(res, 200, text, this.#registry.contentType),
      (error: unknown) => end(res, 500, String(error)),
    )
  }

  /** Concurrent requests, such as pipelined ones, share one rendering. */
  #render(): Promise<Buffer> {
    this.#rendering ??= this.#registry.metrics().then(
      (text) => {
        this.#rendering = undefined
        return Buffer.from(text)
      },
      (error: unknown) => {
        this.#rendering = undefined
        throw error
      },
    )
    return this.#rendering
  }
}

function isForMetrics(req: IncomingMessage): boolean {
  return (req.method === 'GET' || req.method === 'HEAD') && pathOf(req) === '/metrics'
}

function end(
  res: ServerResponse,
  status: number,
  text: string | Buffer,
  type = 'text/plain; charset=utf-8',
): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  res.end(text)
}
