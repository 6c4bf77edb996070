import type { IncomingMessage, ServerResponse } from 'node:http'
import * as core from '@immich-ml-router/core/parts'

/** What `classifyPredict()` leaves in `req.immichMl`: the classification, the body, and later the lease and outcome. */
export type ImmichMlState = core.Exchange

declare global {
  namespace Express {
    interface Request {
      /** Set by `classifyPredict()`; read it or overrule it before `selectBackend()` and `forward()`. */
      immichMl?: ImmichMlState
    }
  }
}

type PredictRequest = IncomingMessage & { immichMl?: ImmichMlState }

/** Middleware for Express 4 and 5, and for anything else that calls `(req, res, next)`. */
export type Middleware = (
  req: PredictRequest,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>

/** The all-in-one middleware, with its router: `router.close()` when the server stops, `router.reload()`, `router.status()`, `router.on()`. */
export type ImmichMlMiddleware = Middleware & { readonly router: core.Router }

/** Routes `POST /predict`, answers `GET /ping` and `GET /`, and leaves everything else to the next middleware. */
export function immichMlRouter<const Name extends string>(
  options: core.RouterOptions<Name>,
): ImmichMlMiddleware {
  const router = core.createRouter(options)
  const middleware: Middleware = (req, res, next) => router.handle(req, res, next, req.immichMl).catch(next)
  return Object.assign(middleware, { router })
}

/**
 * First of three: classifies predict requests and keeps what it found in `req.immichMl`. It may also stand before
 * `immichMlRouter()`, which then reuses the classification.
 *
 * @param options The middleware of `immichMlRouter()`: then its paths, options, events and drain count. Or options of its own:
 *   then it reads every `POST`, so mount it on the predict path.
 * @throws {ConfigError} with every mistake in the options, each with its path.
 */
export function classifyPredict(options?: core.ExchangeOptions | core.WithRouter): Middleware {
  const classify = core.classifyStep(options)
  return step(async (req, res) => {
    const exchange = req.immichMl ?? (await classify(req, res))
    if (exchange === undefined) return
    req.immichMl = exchange
    letGoOnUnpipe(req, exchange)
  })
}

/**
 * Second: chooses the backend by the policy, or waits for one.
 *
 * @param router The middleware of `immichMlRouter()`, whose policy, events and status count.
 */
export function selectBackend(router: core.WithRouter): Middleware
/**
 * Second, by a policy of its own. Probes begin with the first request that is forwarded. `reload()` applies another policy.
 *
 * @throws {ConfigError} with every mistake in the policy, each with its path.
 */
export function selectBackend<const Name extends string>(
  policy: core.Policy<Name>,
  environment?: core.SelectEnvironment,
): Middleware & Pick<core.Select, 'reload'>
export function selectBackend(
  policy: core.Policy | core.WithRouter,
  environment?: core.SelectEnvironment,
): Middleware {
  const { run, ...rest } = core.selectStep(policy, environment)
  const middleware = step(async (req) => {
    if (req.immichMl !== undefined) await run(req.immichMl)
  })
  return Object.assign(middleware, rest)
}

/**
 * Third: forwards the request to the chosen backend and ends the response.
 *
 * @param router The middleware of `immichMlRouter()`. Its router's `close()` ends the probes.
 */
export function forward(router: core.WithRouter): Middleware
/** Third, by options of its own. `close()`, when the server stops, ends the probes. */
export function forward(options?: core.ForwardOptions): Middleware & {
  /** Ends the probes. */
  close(): Promise<void>
}
export function forward(options: core.ForwardOptions | core.WithRouter = {}): Middleware {
  const { run, ...rest } = core.forwardStep(options)
  const middleware: Middleware = (req, res, next) =>
    req.immichMl === undefined
      ? Promise.resolve(next())
      : run(req.immichMl).then(() => {}, fail(req, res, next))
  return Object.assign(middleware, rest)
}

/**
 * Before Express reports an error, or that nothing was found, it reads the upload to its end, and tells consumers to let go by
 * `unpipe()`. A body that is still attached would pause the upload, and the answer would never come.
 */
function letGoOnUnpipe(req: PredictRequest, { body }: ImmichMlState): void {
  const unpipe = req.unpipe.bind(req)
  req.unpipe = (destination) => {
    if (destination === undefined) body.destroy()
    return unpipe(destination)
  }
}

/** Goes on to the next middleware, unless the step failed or has answered. */
function step(work: (req: PredictRequest, res: ServerResponse) => Promise<void>): Middleware {
  return (req, res, next) =>
    work(req, res).then(() => (res.writableEnded ? undefined : next()), fail(req, res, next))
}

/** Answers what a client or a backend did; what is a mistake in the code is Express's to report. */
function fail(
  req: PredictRequest,
  res: ServerResponse,
  next: (error: unknown) => void,
): (error: unknown) => Promise<void> | void {
  return (error) => {
    if (!(error instanceof core.RouterError)) return next(error)
    // A body that is still attached stops the upload, which must be read to its end behind the answer.
    req.immichMl?.body.destroy()
    return core.answerError(res, error)
  }
}
