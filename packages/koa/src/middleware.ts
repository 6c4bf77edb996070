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
    await router.handle(ctx.req, ctx.res, () => {
      ours = false
    })
    if (!ours) return next()
    ctx.respond = false
  }
  return Object.assign(middleware, { router })
}

/**
 * First of three: classifies a `POST` and keeps what it found in `ctx.state.immichMl`. Mount it on the predict path.
 *
 * @throws {ConfigError} with every mistake in the options, each with its path.
 */
export function classifyPredict(options?: core.ExchangeOptions): Middleware {
  const resolved = core.resolveExchangeOptions(options)
  return step(async (ctx) => {
    if (ctx.method === 'POST') ctx.state.immichMl ??= await core.Exchange.begin(ctx.req, ctx.res, resolved)
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
  const middleware = step(async (ctx) => {
    await exchangeOf(ctx)?.select(select)
  })
  return Object.assign(middleware, { reload: select.reload })
}

/** Third: forwards the request to the chosen backend and ends the response. `close()`, when the server stops, ends the probes too. */
export function forward(options: core.ForwardOptions = {}): Middleware & {
  /** Ends the probes. */
  close(): Promise<void>
} {
  const forwarder = new core.Forwarder(options)
  const middleware: Middleware = async (ctx, next) => {
    const exchange = exchangeOf(ctx)
    if (exchange === undefined) return next()
    await exchange.forward(forwarder).catch((error) => answerFailure(ctx, error))
    ctx.respond = false
  }
  return Object.assign(middleware, { close: () => forwarder.destroy() })
}

/** Goes on to the next middleware, unless the step failed. */
function step(work: (ctx: Context) => Promise<void>): Middleware {
  return async (ctx, next) => {
    const failed = await work(ctx).then(
      () => false,
      (error) => answerFailure(ctx, error).then(() => true),
    )
    if (!failed) return next()
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
