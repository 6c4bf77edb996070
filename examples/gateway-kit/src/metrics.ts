import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { defaults, pathOf, type Router } from '@immich-ml-router/core'
import { type RouterMetrics, routerMetrics } from '@immich-ml-router/core/metrics'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Reloader } from './reloader.ts'

/** prom-client calls these gauges by names that are for counters, which `promtool check metrics` refuses. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
]

let processRegistry: Registry | undefined

/** Those of the process, which has them once: what observes it cannot be stopped. */
function processMetrics(): Registry {
  if (processRegistry !== undefined) return processRegistry
  processRegistry = new Registry()
  collectDefaultMetrics({ register: processRegistry })
  for (const name of MISNAMED) processRegistry.removeSingleMetric(name)
  return processRegistry
}

/** Those of a configuration that is in a file; as Prometheus has them of its own. */
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
  gauge('last_reload_successful', 'Whether the configuration file was right when it was last read.', () =>
    Number(reloader.last.successful),
  )
  gauge(
    'last_reload_success_timestamp_seconds',
    'When the router began to go by the configuration file as it was then.',
    () => reloader.last.succeededAt / 1_000,
  )
  return registry
}

/** What `GET /metrics` says: of the router, of its configuration, and of the process. */
export class GatewayMetrics {
  readonly #metrics: RouterMetrics
  readonly #registry: Registry
  #rendering: Promise<Buffer> | undefined

  /** @param reloader Where the configuration is in a file. */
  constructor(router: Router, reloader: Pick<Reloader, 'last'> | undefined) {
    this.#metrics = routerMetrics(router)
    const ofConfig = reloader === undefined ? [] : [reloadMetrics(reloader)]
    this.#registry = Registry.merge([this.#metrics.registry, ...ofConfig, processMetrics()])
  }

  /** Answers `GET /metrics`. @returns Whether it was that. */
  readonly handle = (req: IncomingMessage, res: ServerResponse): boolean => {
    if (!isForMetrics(req)) return false
    this.#send(res)
    return true
  }

  /** Answers `GET /metrics`, and nothing else. */
  answer(req: IncomingMessage, res: ServerResponse): void {
    if (!this.handle(req, res)) end(res, 404, STATUS_CODES[404] ?? '')
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

  /** Requests that come together, such as pipelined ones, share one rendering. */
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
