import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Outcome } from '../backend/outcome.ts'
import type { Policy } from '../config/policy.ts'
import { Forwarder, type ForwardOptions } from '../forward/forwarder.ts'
import type { Lease } from '../routing/lease.ts'
import type { ClassifiedExchange } from './classify-request.ts'
import { Exchange } from './exchange.ts'
import { type ExchangeOptions, resolveExchangeOptions } from './exchange-options.ts'
import type { SelectEnvironment } from './policy-runtime.ts'
import { type Select, selectBackend } from './select-backend.ts'

/**
 * The steps of `handle()` one by one, for code that runs between them. The request counts in the router's status, events, metrics
 * and drain, from the first step to the end of its response. Each step throws what it cannot answer itself.
 */
export interface RouterSteps {
  /**
   * First step: classifies a predict request, by the options of the router. `handle()` takes its result as well.
   *
   * @param known For modules that make a request out of another: its job and body, which then are not read.
   * @returns `undefined` for what is not a `POST` to a predict path of the router.
   * @throws {RouterError} when the request cannot go on.
   */
  classify(
    req: IncomingMessage,
    res: ServerResponse,
    known?: ClassifiedExchange,
  ): Promise<Exchange | undefined>
  /**
   * Second step: chooses a backend, or waits for one.
   *
   * @returns `undefined` when the response has ended: a module has answered, such as the search cache.
   * @throws {RouterError} when there is none, or the wait ended.
   */
  select(exchange: Exchange): Promise<Lease | undefined>
  /**
   * Third step: forwards the request, and ends the response.
   *
   * @throws {RouterError} when another backend was needed, and there was none.
   */
  forward(exchange: Exchange): Promise<Outcome>
}

/** Something with a router, such as the middleware that `immichMlRouter()` makes. */
export interface WithRouter {
  readonly router: RouterSteps
}

function isRouter(options: object): options is WithRouter {
  return 'router' in options
}

/** The first step, of a router or by options of its own: then of every `POST`. */
export function classifyStep(
  options: ExchangeOptions | WithRouter = {},
): (req: IncomingMessage, res: ServerResponse) => Promise<Exchange | undefined> {
  if (isRouter(options)) return (req, res) => options.router.classify(req, res)
  const resolved = resolveExchangeOptions(options)
  return async (req, res) => (req.method === 'POST' ? Exchange.begin(req, res, resolved) : undefined)
}

/** A step after the first. */
export interface Step<T> {
  /** Runs it for one request. */
  run(exchange: Exchange): Promise<T>
}

/** The second step by a policy of its own. */
export interface SelectStep extends Step<Lease | undefined> {
  /** Applies another policy; not with a router, which has its own. */
  readonly reload?: Select['reload']
}

/** The third step by options of its own. */
export interface ForwardStep extends Step<Outcome> {
  /** Ends the probes; not with a router, which has its own. */
  readonly close?: () => Promise<void>
}

/** The second step, of a router or by a policy of its own. */
export function selectStep(policy: Policy | WithRouter, environment?: SelectEnvironment): SelectStep {
  if (isRouter(policy)) return { run: (exchange) => policy.router.select(exchange) }
  const select = selectBackend(policy, environment)
  return { run: (exchange) => exchange.select(select), reload: select.reload }
}

/** The third step, of a router or by options of its own. */
export function forwardStep(options: ForwardOptions | WithRouter = {}): ForwardStep {
  if (isRouter(options)) return { run: (exchange) => options.router.forward(exchange) }
  const forwarder = new Forwarder(options)
  return { run: (exchange) => exchange.forward(forwarder), close: () => forwarder.destroy() }
}
