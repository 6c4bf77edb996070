import * as core from '@immich-ml-router/core/parts'
import type { Context, Middleware } from 'koa'

/** What `classifyPredict()` leaves in `ctx.state.immichMl`: the classification, the body, and later the lease and outcome. */
export type ImmichMlState = core.Exchange

declare module 'koa' {
  interface DefaultState {
    /** Set by `classifyPredict()`; read it or overrule it before `selectBackend()` and `forward()`. */
    immichMl?: ImmichMlState
  }
}

/** The all-in-one middleware, with its router: `router.close()` when the server stops, `router.reload()`, `router.status()`, `router.on()`. */
export type ImmichMlMiddleware = Middleware & { readonly router: core.Router }

/**
 * Routes `POST /predict`, answers `GET /ping` and `GET /`, and leaves everything else to the next middleware.
 * An outer middleware's `await next()` returns when the response is done.
 */
export function immichMlRouter<const Name extends string>(
  options: core.RouterOptions<Name>,
): ImmichMlMiddleware {
  const router = core.createRouter(options)
  const middleware: Middleware = async (ctx, next) => {
    let ours = true
    keepUrl(ctx)
    const leave = () => {
      ours = false
    }
    await router.handle(ctx.req, ctx.res, leave, exchangeOf(ctx))
    if (!ours) return next()
    ctx.respond = false
  }
  return Object.assign(middleware, { router })
}

/**
 * First of three: classifies predict requests and keeps what it found in `ctx.state.immichMl`. It may also stand before
 * `immichMlRouter()`, which then reuses the classification.
 *
 * @param options The middleware of `immichMlRouter()`: then its paths, options, events and drain count. Or options of its own:
 *   then it reads every `POST`, so mount it on the predict path.
 * @throws {ConfigError} with every mistake in the options, each with its path.
 */
export function classifyPredict(options?: core.ExchangeOptions | core.WithRouter): Middleware {
  const classify = core.classifyStep(options)
  return step(async (ctx) => {
    keepUrl(ctx)
    const exchange = exchangeOf(ctx) ?? (await classify(ctx.req, ctx.res))
    if (exchange !== undefined) ctx.state.immichMl = exchange
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
  const middleware = step(async (ctx) => {
    const exchange = exchangeOf(ctx)
    if (exchange !== undefined) await run(exchange)
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
  const middleware: Middleware = async (ctx, next) => {
    const exchange = exchangeOf(ctx)
    if (exchange === undefined) return next()
    await run(exchange).catch((error) => answerFailure(ctx, error))
    ctx.respond = false
  }
  return Object.assign(middleware, rest)
}

/** Goes on to the next middleware, unless the step failed or has answered. */
function step(work: (ctx: Context) => Promise<void>): Middleware {
  return async (ctx, next) => {
    const failed = await work(ctx).then(
      () => false,
      (error) => answerFailure(ctx, error).then(() => true),
    )
    if (!failed && !ctx.res.writableEnded) return next()
    ctx.respond = false
  }
}

/** Answers what a client or a backend did; what is a mistake in the code is Koa's to report. */
async function answerFailure(ctx: Context, error: unknown): Promise<void> {
  if (!(error instanceof core.RouterError)) throw error
  // A body that is still attached stops the upload, which must be read to its end behind the answer.
  exchangeOf(ctx)?.body.destroy()
  await core.answerError(ctx.res, error)
}

function exchangeOf(ctx: Context): ImmichMlState | undefined {
  return ctx.state.immichMl
}

/** Keeps the URL as the client sent it for the router where middleware such as koa-mount has cut its prefix off. */
function keepUrl({ req, originalUrl }: Context): void {
  if (req.url !== originalUrl) Object.assign(req, { originalUrl })
}
