import { ProxyServer, type ServerOptions } from 'http-proxy-3'
import type { Outcome } from '../backend/outcome.ts'
import type { ReplayReader } from '../body/body-reader.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { parseForwardOptions } from '../policy/parse-policy.ts'
import { PolicyError, problem } from '../policy/problems.ts'
import type { Select } from '../policy/select-backend.ts'
import { Attempt } from './attempt.ts'
import { Budget } from './budget.ts'
import { Dispatchers } from './dispatchers.ts'
import type { AttemptPlan, ForwardRequest } from './forward-request.ts'
import { type HeaderRecord, requestHeaders } from './headers.ts'
import { probe } from './probe.ts'
import { direct, type Sender } from './sender.ts'
import { HttpProxy, proxyOptionsOf } from './through-http-proxy.ts'

/** What can be data, and another from one attempt to the next. */
export interface ForwardData {
  /**
   * What hands requests to backends. `http-proxy-3` fires the events of a `proxy` of yours and takes all of its options;
   * `direct` leaves it out, which saves a twelfth of the CPU time of a text search (docs/decisions/0013), and of `proxy` takes
   * options alone: `ssl`, `ca`, `secure`, `headers` and `auth`.
   * @default 'http-proxy-3'
   */
  readonly forwarder?: 'http-proxy-3' | 'direct' | undefined
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

export interface ForwardOptions extends ForwardData {
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

/** Forwards requests to backends. */
export class Forwarder {
  readonly clock: Clock
  /** Keeps the retries of everything that is forwarded here within bounds. */
  readonly retryBudget: Budget
  /** Keeps the further copies of requests that are late within bounds. */
  readonly hedgeBudget: Budget
  readonly #watched = new Set<Select>()
  readonly #dispatchers: Dispatchers
  readonly #proxy: ForwardOptions['proxy']
  #settings: ForwardSettings
  /** Those that the user's proxy options add. */
  readonly #ownHeaders: HeaderRecord

  /** @throws {PolicyError} with every mistake in the options, each with its path. */
  constructor({ proxy, clock = systemClock, ...data }: ForwardOptions = {}) {
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
    this.#proxy = proxy
    this.#settings = settingsOf(data, proxy)
    const proxyOptions = proxyOptionsOf(proxy)
    this.#dispatchers = new Dispatchers(proxyOptions)
    this.#ownHeaders = headersOf(proxyOptions)
  }

  /**
   * Has other options from the next attempt on.
   *
   * @throws {PolicyError} with every mistake in the options, each with its path; then nothing has changed.
   */
  reload(options: ForwardData): void {
    this.#settings = settingsOf(options, this.#proxy)
  }

  /** One attempt. It never rejects: what became of it is the outcome. */
  attempt(request: ForwardRequest, plan: AttemptPlan): Promise<Outcome> {
    const { backend } = plan
    const { backendHeader, sender } = this.#settings
    const body = requestBody(request, this.clock)
    request.body.retain(request.store, plan.isWorthAFile)
    const attempt = new Attempt({
      plan,
      clock: this.clock,
      dispatcher: this.#dispatchers.for(backend),
      body,
      request,
      responseHeader: backendHeader === false ? undefined : [backendHeader, backend.name],
    })
    sender.send(attempt, request, backend, this.#headersFor(request, plan))
    return attempt.outcome
  }

  /**
   * Starts the probes of a policy's backends, with the settings that requests have; `destroy()` ends them, and answers
   * those who wait for a backend.
   */
  watch(select: Select): void {
    if (this.#watched.has(select)) return
    this.#watched.add(select)
    select.start((backend, options, signal, progress) =>
      probe(backend, options, {
        dispatcher: this.#dispatchers.for(backend),
        headers: this.#ownHeaders,
        signal,
        progress,
      }),
    )
  }

  /** Ends the probes, cuts what is running and closes every connection. */
  async destroy(): Promise<void> {
    for (const select of this.#watched) select.close()
    await this.#dispatchers.destroy()
  }

  #headersFor({ req, keptLength, heartbeat }: ForwardRequest, { backend, own }: AttemptPlan): HeaderRecord {
    const { upstreamHeader, passed } = this.#settings
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

/** The same as {@link ForwardData}, complete; names of requests' headers are in lower case. */
interface ForwardSettings {
  readonly sender: Sender
  readonly backendHeader: string | false
  readonly upstreamHeader: string | undefined
  readonly passed: ReadonlySet<string>
}

function settingsOf(data: ForwardData, proxy: ForwardOptions['proxy']): ForwardSettings {
  const { forwarder, backendHeader, upstreamHeader, forwardHeaders } = parseForwardOptions(data)
  return {
    sender: senderOf(forwarder ?? defaults.forwarder, proxy),
    backendHeader: backendHeader ?? defaults.backendHeader,
    upstreamHeader: upstreamHeader?.toLowerCase(),
    passed: new Set(forwardHeaders?.map((name) => name.toLowerCase())),
  }
}

/** @throws {PolicyError} when something is asked of http-proxy-3 that is not there without it. */
function senderOf(forwarder: 'http-proxy-3' | 'direct', proxy: ForwardOptions['proxy']): Sender {
  if (forwarder === 'http-proxy-3') return new HttpProxy(proxy)
  if (proxy instanceof ProxyServer)
    throw new PolicyError([problem('forwarder', 'must be http-proxy-3 for the events of a proxy server')])
  if (proxy?.xfwd === true)
    throw new PolicyError([problem('forwarder', 'must be http-proxy-3 for the headers that xfwd adds')])
  return direct
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
