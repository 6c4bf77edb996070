import type { ProxyServer, ServerOptions } from 'http-proxy-3'
import type { Outcome } from '../backend/outcome.ts'
import type { ReplayReader } from '../body/body-reader.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { parseForwardOptions } from '../policy/parse-policy.ts'
import type { Select } from '../policy/select-backend.ts'
import { Attempt } from './attempt.ts'
import { Budget } from './budget.ts'
import { Dispatchers } from './dispatchers.ts'
import type { AttemptPlan, ForwardRequest } from './forward-request.ts'
import { type HeaderRecord, requestHeaders } from './headers.ts'
import { probe } from './probe.ts'
import { HttpProxy } from './through-http-proxy.ts'

/** What stands in the headers. */
export interface HeaderOptions {
  /**
   * Response header with the name of the backend that answered; `false` for none.
   * @default 'x-immich-ml-backend'
   */
  readonly backendHeader?: string | false | undefined
  /**
   * Request header that tells a backend its own URL, as the seed's `X-Upstream` does.
   * @default none
   */
  readonly upstreamHeader?: string | undefined
  /**
   * Client headers to pass on that are kept back by default: `authorization`, `cookie`, `forwarded`,
   * `x-forwarded-*`, `x-real-ip`.
   * @default []
   */
  readonly forwardHeaders?: readonly string[] | undefined
}

export interface ForwardOptions extends HeaderOptions {
  /**
   * An http-proxy-3 server, or the options for one, so that its events (`start`, `proxyRes`, `end`) and its TLS
   * settings (`ssl`, `ca`, `secure`), `headers`, `auth` and `xfwd` are yours. Its `agent`, `fetch` and `fetchOptions` are
   * not used: the router keeps its own connections.
   */
  readonly proxy?: ProxyServer | ServerOptions | undefined
  /**
   * Where time comes from, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined
}

/** Hands requests to backends through http-proxy-3. */
export class Forwarder {
  readonly clock: Clock
  /** Keeps the retries of everything that is forwarded here within bounds. */
  readonly retryBudget: Budget
  /** Keeps the further copies of requests that are late within bounds. */
  readonly hedgeBudget: Budget
  readonly #watched = new Set<Select>()
  readonly #proxy: HttpProxy
  readonly #dispatchers: Dispatchers
  #headers: HeaderSettings
  /** Those that the user's proxy options add. */
  readonly #ownHeaders: HeaderRecord

  /** @throws {PolicyError} with every mistake in the options, each with its path. */
  constructor({ proxy, clock = systemClock, ...data }: ForwardOptions = {}) {
    this.#headers = headerSettings(data)
    this.clock = clock
    this.retryBudget = new Budget(clock, {
      share: defaults.retryBudgetShare,
      window: defaults.retryBudgetWindow,
      least: defaults.retryBudgetMin,
    })
    this.hedgeBudget = new Budget(clock, {
      share: defaults.hedgeBudgetShare,
      window: defaults.hedgeBudgetWindow,
      least: 0,
    })
    this.#proxy = new HttpProxy(proxy)
    this.#dispatchers = new Dispatchers(this.#proxy.options)
    this.#ownHeaders = headersOf(this.#proxy.options)
  }

  /**
   * Has other options for headers from the next attempt on.
   *
   * @throws {PolicyError} with every mistake in the options, each with its path; then nothing has changed.
   */
  reload(options: HeaderOptions): void {
    this.#headers = headerSettings(options)
  }

  /** One attempt. It never rejects: what became of it is the outcome. */
  attempt(request: ForwardRequest, plan: AttemptPlan): Promise<Outcome> {
    const { backend } = plan
    const { backendHeader } = this.#headers
    const body = requestBody(request, this.clock)
    request.body.retain(request.store, plan.retain === 'disk')
    const attempt = new Attempt({
      plan,
      clock: this.clock,
      dispatcher: this.#dispatchers.for(backend),
      body,
      request,
      responseHeader: backendHeader === false ? undefined : [backendHeader, backend.name],
    })
    this.#proxy.send(attempt, request, this.#headersFor(request, plan), backend.predictUrl)
    return attempt.outcome
  }

  /**
   * Starts the probes of a policy's backends, with the settings that requests have; `destroy()` ends them, and answers
   * those who wait for a backend.
   */
  watch(select: Select): void {
    if (this.#watched.has(select)) return
    this.#watched.add(select)
    select.start((backend, options, signal) =>
      probe(backend, options, {
        dispatcher: this.#dispatchers.for(backend),
        headers: this.#ownHeaders,
        signal,
      }),
    )
  }

  /** Ends the probes, cuts what is running and closes every connection. */
  async destroy(): Promise<void> {
    for (const select of this.#watched) select.close()
    await this.#dispatchers.destroy()
  }

  #headersFor({ req, keptLength, heartbeat }: ForwardRequest, { backend, own }: AttemptPlan): HeaderRecord {
    const { upstreamHeader, passed } = this.#headers
    const headers = requestHeaders(req.headers, passed)
    if (keptLength !== undefined) {
      delete headers['content-encoding']
      headers['content-length'] = String(keptLength)
    }
    // White space cannot stand before what is compressed.
    if (heartbeat !== undefined && headers['accept-encoding'] !== undefined)
      headers['accept-encoding'] = 'identity'
    Object.assign(headers, this.#ownHeaders)
    if (upstreamHeader !== undefined) headers[upstreamHeader] = backend.url
    if (own !== undefined) {
      for (const name of own.replaces) delete headers[name]
      Object.assign(headers, own.headers)
    }
    return headers
  }
}

/** The same as {@link HeaderOptions}, complete; names of requests' headers are in lower case. */
interface HeaderSettings {
  readonly backendHeader: string | false
  readonly upstreamHeader: string | undefined
  readonly passed: ReadonlySet<string>
}

function headerSettings(options: HeaderOptions): HeaderSettings {
  const { backendHeader, upstreamHeader, forwardHeaders } = parseForwardOptions(options)
  return {
    backendHeader: backendHeader ?? defaults.backendHeader,
    upstreamHeader: upstreamHeader?.toLowerCase(),
    passed: new Set(forwardHeaders?.map((name) => name.toLowerCase())),
  }
}

/** A body that is here in one piece goes out in one write with its headers. */
function requestBody({ body, req }: ForwardRequest, clock: Clock): ReplayReader | Buffer {
  const whole = req.headers['content-length'] === undefined ? undefined : body.inOnePiece()
  return whole ?? body.stream(clock)
}

/** http-proxy-3's `headers` and `auth`. */
function headersOf({ headers = {}, auth }: ServerOptions): HeaderRecord {
  const own: HeaderRecord = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) own[name.toLowerCase()] = value
  if (auth !== undefined) own['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`
  return own
}
