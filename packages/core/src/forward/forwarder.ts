import { ProxyServer, type ServerOptions } from 'http-proxy-3'
import type { ReplayReader } from '../body/body-reader.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import type { ForwardData } from '../config/policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import { type ResolvedForward, resolveForward } from '../config/resolve.ts'
import { type AnswerClasses, resolveAnswerClasses } from '../judge/answer-classes.ts'
import { Budget } from '../retry/budget.ts'
import type { Select } from '../router/select-backend.ts'
import { Attempt } from './attempt.ts'
import { Dispatchers } from './dispatchers.ts'
import type { AttemptPlan, AttemptResult, ForwardRequest, KeptAnswer } from './forward-request.ts'
import { type HeaderRecord, ROUTE_HEADER, requestHeaders, withOwnHeaders, withoutHeaders } from './headers.ts'
import { probe } from './probe.ts'
import { type OwnHeader, ResponseWriter } from './response-writer.ts'
import { direct, type Sender } from './sender.ts'
import { HttpProxy, proxyOptionsOf } from './through-http-proxy.ts'

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

  /** @throws {ConfigError} with every mistake in the options, each with its path. */
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
   * @throws {ConfigError} with every mistake in the options, each with its path; then nothing has changed.
   */
  reload(options: ForwardData): void {
    this.prepare(options)()
  }

  /**
   * Checks other options.
   *
   * @returns What has them in force from the next attempt on; it does not throw.
   * @throws {ConfigError} with every mistake in the options, each with its path.
   */
  prepare(options: ForwardData): () => void {
    const settings = settingsOf(options, this.#proxy)
    return () => {
      this.#settings = settings
    }
  }

  /** One attempt. It never rejects: what became of it is the outcome. */
  attempt(request: ForwardRequest, plan: AttemptPlan): Promise<AttemptResult> {
    const { backend } = plan
    const { classes, answerMemory, sender } = this.#settings
    const body = requestBody(request, this.clock)
    request.body.retain(request.store)
    const attempt = new Attempt({
      plan,
      clock: this.clock,
      dispatcher: this.#dispatchers.for(backend),
      body,
      request,
      classes,
      answerMemory,
      responseHeader: this.#backendHeader(backend.name),
    })
    sender.send(attempt, request, backend, this.#headersFor(request, plan))
    return attempt.result
  }

  /**
   * Gives the client an answer that was passed over, since there is no better one.
   *
   * @param backend The name of the backend that gave it.
   * @param onEnd Called before the response ends.
   * @returns Whether it could be given, once the client has it or is gone.
   */
  async deliver(
    { res, routeHeader }: ForwardRequest,
    answer: KeptAnswer,
    backend: string,
    onEnd: () => void,
  ): Promise<boolean> {
    if (res.headersSent || res.destroyed) return false
    const own = this.#backendHeader(backend)
    const added: OwnHeader[] = own === undefined ? [] : [own]
    if (routeHeader !== undefined) added.push([ROUTE_HEADER, routeHeader()])
    const writer = new ResponseWriter(res)
    try {
      writer.start(answer, added)
    } catch {
      // A header that Node refuses to write.
      return false
    }
    onEnd()
    return new Promise((resolve) => {
      const onClose = () => resolve(false)
      res.once('close', onClose)
      writer.end(answer.body, [], (error) => {
        res.off('close', onClose)
        resolve(!error && res.writableFinished)
      })
    })
  }

  #backendHeader(backend: string): OwnHeader | undefined {
    const { backendHeader } = this.#settings
    return backendHeader === false ? undefined : [backendHeader, backend]
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

  #headersFor({ req, keptLength }: ForwardRequest, { backend, own }: AttemptPlan): HeaderRecord {
    const { upstreamHeader, passed } = this.#settings
    const headers = requestHeaders(req.headers, passed)
    if (keptLength !== undefined) {
      delete headers['content-encoding']
      headers['content-length'] = String(keptLength)
    }
    // The answer is judged by what is in it.
    headers['accept-encoding'] = 'identity'
    let all = withOwnHeaders(headers, this.#ownHeaders)
    if (upstreamHeader !== undefined) all = withOwnHeaders(all, { [upstreamHeader]: backend.url })
    return own === undefined ? all : withOwnHeaders(withoutHeaders(all, own.replaces), own.headers)
  }
}

interface ForwardSettings extends Pick<ResolvedForward, 'answerMemory' | 'backendHeader' | 'upstreamHeader'> {
  readonly sender: Sender
  readonly passed: ReadonlySet<string>
  readonly classes: AnswerClasses
}

function settingsOf(data: ForwardData, proxy: ForwardOptions['proxy']): ForwardSettings {
  const { forwarder, forwardHeaders, answers, ...settings } = resolveForward(data)
  return {
    ...settings,
    sender: senderOf(forwarder, proxy),
    passed: new Set(forwardHeaders),
    classes: resolveAnswerClasses(answers),
  }
}

/** @throws {ConfigError} when something is asked of http-proxy-3 that is not there without it. */
function senderOf(forwarder: 'http-proxy-3' | 'direct', proxy: ForwardOptions['proxy']): Sender {
  if (forwarder === 'http-proxy-3') return new HttpProxy(proxy)
  if (proxy instanceof ProxyServer)
    throw new ConfigError([problem('forwarder', 'must be http-proxy-3 for the events of a proxy server')])
  if (proxy?.xfwd === true)
    throw new ConfigError([problem('forwarder', 'must be http-proxy-3 for the headers that xfwd adds')])
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
