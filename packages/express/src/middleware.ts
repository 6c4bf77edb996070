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
  const middleware: Middleware = (req, res, next) => router.handle(req, res, next).catch(next)
  return Object.assign(middleware, { router })
}

/**
 * First of three: classifies a `POST` and keeps what it found in `req.immichMl`. Mount it on the predict path.
 *
 * @throws {ConfigError} with every mistake in the options, each with its path.
 */
export function classifyPredict(options?: core.ExchangeOptions): Middleware {
  const resolved = core.resolveExchangeOptions(options)
  return step(async (req, res) => {
    if (req.method === 'POST') req.immichMl ??= await core.Exchange.begin(req, res, resolved)
  })
}

/**
 * Second: chooses the backend by the policy, or waits for one. Probes begin with the first request that is forwarded.
 * `reload()` has it go by another policy.
 */
export function selectBackend<const Name extends string>(
  policy: core.Policy<Name>,
  environment?: core.SelectEnvironment,
): Middleware & Pick<core.Select, 'reload'> {
  const select = core.selectBackend(policy, environment)
  const middleware = step(async (req) => {
    await req.immichMl?.select(select)
  })
  return Object.assign(middleware, { reload: select.reload })
}

/** Third: forwards the request to the chosen backend and ends the response. `close()`, when the server stops, ends the probes too. */
export function forward(options: core.ForwardOptions = {}): Middleware & {
  /** Ends the probes. */
  close(): Promise<void>
} {
  const forwarder = new core.Forwarder(options)
  const middleware: Middleware = (req, res, next) =>
    req.immichMl === undefined
      ? Promise.resolve(next())
      : req.immichMl.forward(forwarder).then(() => {}, fail(req, res, next))
  return Object.assign(middleware, { close: () => forwarder.destroy() })
}

/** Goes on to the next middleware, unless the step failed. */
function step(work: (req: PredictRequest, res: ServerResponse) => Promise<void>): Middleware {
  return (req, res, next) => work(req, res).then(() => next(), fail(req, res, next))
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
