import type { ServerOptions } from 'http-proxy-3'
import type { Backend } from '../backend/backend.ts'
import { WholeBody } from '../body/whole-body.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import type { ForwardData } from '../config/policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import { resolveForward } from '../config/resolve.ts'
import { resolveAnswerClasses } from '../judge/answer-classes.ts'
import { Budget } from '../retry/budget.ts'
import type { HedgedAttempt } from '../retry/hedge.ts'
import type { Select } from '../router/select-backend.ts'
import { Attempt } from './attempt.ts'
import { Dispatchers } from './dispatchers.ts'
import type { AttemptPlan, AttemptResult, ForwardRequest, KeptAnswer } from './forward-request.ts'
import { type HeaderRecord, ROUTE_HEADER, requestHeaders, withOwnHeaders, withoutHeaders } from './headers.ts'
import {
  HttpProxyTransport,
  isProxyServer,
  type ProxyOption,
  proxyOptionsOf,
} from './http-proxy-transport.ts'
import { probe } from './probe.ts'
import { type OwnHeader, ResponseWriter } from './response-writer.ts'
import { sendCanary } from './send-canary.ts'
import { directTransport, type Transport } from './transport.ts'

/** Options for forwarding requests. */
export interface ForwardOptions extends ForwardData {
  /**
   * An http-proxy-3 server, or the options for one. For each attempt, `start` fires when it is sent, `proxyRes` and `end` when the
   * backend's answer is complete, `error` when it failed. http-proxy-3 2 has no `proxyReq` here: to change the headers of an
   * attempt, change `req.headers` in `start`. Listeners can read the response, but not write it. Of the options, `ssl`, `ca`,
   * `secure`, `headers`, `auth`, `xfwd` and `timeout` apply; connections and all other timeouts are the router's.
   */
  readonly proxy?: ProxyOption
  /**
   * Where time comes from, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined
}

/** Forwards requests to backends. */
export class Forwarder {
  readonly clock: Clock
  /** Limits retries. */
  readonly retryBudget: Budget
  /** Limits hedges. */
  readonly hedgeBudget: Budget
  /** Limits the further copies of requests for which a person waits. */
  readonly rescueBudget: Budget
  readonly #watched = new Set<Select>()
  readonly #dispatchers: Dispatchers
  readonly #proxy: ProxyOption
  #settings: ReturnType<typeof settingsOf>
  /** Headers that the user's proxy options add. */
  readonly #ownHeaders: HeaderRecord | undefined

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
    this.rescueBudget = new Budget(clock, {
      share: defaults.rescueBudgetShare,
      window: defaults.hedgeBudgetWindow,
      least: defaults.rescueBudgetMin,
    })
    this.#proxy = proxy
    this.#settings = settingsOf(data, proxy)
    const proxyOptions = proxyOptionsOf(proxy)
    this.#dispatchers = new Dispatchers(proxyOptions)
    this.#ownHeaders = headersOf(proxyOptions)
  }

  /**
   * Applies other options from the next attempt on.
   *
   * @throws {ConfigError} with every mistake in the options, each with its path; then nothing has changed.
   */
  reload(options: ForwardData): void {
    this.prepare(options)()
  }

  /**
   * Checks other options.
   *
   * @returns A function that applies them from the next attempt on; it does not throw.
   * @throws {ConfigError} with every mistake in the options, each with its path.
   */
  prepare(options: ForwardData): () => void {
    const settings = settingsOf(options, this.#proxy)
    return () => {
      this.#settings = settings
    }
  }

  /** Makes one attempt. It never rejects: a failure is its outcome. */
  attempt(request: ForwardRequest, plan: AttemptPlan): Promise<AttemptResult> {
    const { backend } = plan.lease
    const { req, body: replay, keptLength } = request
    const { classes, answerMemory, transport, passed, upstreamHeader } = this.#settings
    let headers = requestHeaders(req.headers, passed)
    if (keptLength !== undefined) {
      delete headers['content-encoding']
      headers['content-length'] = String(keptLength)
    }
    // The answer's content is judged.
    headers['accept-encoding'] = 'identity'
    if (this.#ownHeaders !== undefined) headers = withOwnHeaders(headers, this.#ownHeaders)
    if (upstreamHeader !== undefined) headers = withOwnHeaders(headers, { [upstreamHeader]: backend.url })
    const { own } = plan
    if (own !== undefined) headers = withOwnHeaders(withoutHeaders(headers, own.replaces), own.headers)
    // A whole body goes out in one write with its headers.
    const body = replay instanceof WholeBody ? replay.bytes() : replay.stream(this.clock)
    replay.retain(request.store)
    const attempt = new Attempt({
      plan,
      clock: this.clock,
      dispatcher: this.#dispatchers.for(backend),
      body,
      request,
      classes,
      answerMemory,
      addedHeaders: () => this.#addedHeaders(request, backend.name, plan),
    })
    transport.send(attempt, headers)
    return attempt.result
  }

  /**
   * Gives the client an answer that was passed over, because no better one followed.
   *
   * @param backend The name of the backend that gave it.
   * @param onEnd Called before the response ends.
   * @returns Whether the client got all of it.
   */
  async deliver(
    request: ForwardRequest,
    answer: KeptAnswer,
    backend: string,
    onEnd: () => void,
  ): Promise<boolean> {
    const { res } = request
    if (res.headersSent || res.destroyed) return false
    let writer: ResponseWriter
    try {
      writer = new ResponseWriter(res, answer, this.#addedHeaders(request, backend))
    } catch {
      // A header that Node refuses to write.
      return false
    }
    onEnd()
    return new Promise((resolve) => {
      const onClose = () => resolve(false)
      res.once('close', onClose)
      writer.end(answer.body, undefined, (error) => {
        res.off('close', onClose)
        resolve(!error && res.writableFinished)
      })
    })
  }

  /** Headers that the router adds to a backend's answer. */
  #addedHeaders(
    { routeHeader }: ForwardRequest,
    backend: string,
    attempt?: HedgedAttempt,
  ): readonly OwnHeader[] {
    const { backendHeader } = this.#settings
    const added: OwnHeader[] = backendHeader === false ? [] : [[backendHeader, backend]]
    if (routeHeader !== undefined) added.push([ROUTE_HEADER, routeHeader(attempt)])
    return added
  }

  /**
   * Starts the probes of a policy's backends, and its canaries, with the settings of requests. `destroy()` ends them, and the
   * requests that wait for a backend.
   */
  watch(select: Select): void {
    if (this.#watched.has(select)) return
    this.#watched.add(select)
    const sentTo = (backend: Backend) => ({
      dispatcher: this.#dispatchers.for(backend),
      headers: this.#ownHeaders ?? {},
    })
    select.start(
      (backend, options, signal, progress) =>
        probe(backend, options, { ...sentTo(backend), signal, progress }),
      (backend, job, body, options) => {
        const { classes, answerMemory, passed } = this.#settings
        return sendCanary(backend, job, body, {
          ...sentTo(backend),
          ...options,
          clock: this.clock,
          classes,
          answerMemory,
          passed,
        })
      },
    )
  }

  /** Ends the probes and closes every connection, running requests included. */
  async destroy(): Promise<void> {
    for (const select of this.#watched) select.close()
    await this.#dispatchers.destroy()
  }
}

/** The options with their defaults, as attempts need them. */
function settingsOf(data: ForwardData, proxy: ProxyOption) {
  const { transport, forwardHeaders, answers, ...settings } = resolveForward(data)
  return {
    ...settings,
    transport: transportOf(transport, proxy),
    passed: new Set(forwardHeaders),
    classes: resolveAnswerClasses(answers),
  }
}

/** @throws {ConfigError} when the user's proxy needs http-proxy-3. */
function transportOf(transport: 'http-proxy-3' | 'direct', proxy: ProxyOption): Transport {
  if (transport === 'http-proxy-3') return new HttpProxyTransport(proxy)
  if (isProxyServer(proxy))
    throw new ConfigError([problem('transport', 'must be http-proxy-3 for the events of a proxy server')])
  if (proxy?.xfwd === true)
    throw new ConfigError([problem('transport', 'must be http-proxy-3 for the headers that xfwd adds')])
  return directTransport
}

/** http-proxy-3's `headers` and `auth`; `undefined` without either. */
function headersOf({ headers = {}, auth }: ServerOptions): HeaderRecord | undefined {
  const own: HeaderRecord = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) own[name.toLowerCase()] = value
  if (auth !== undefined) own['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`
  return Object.keys(own).length === 0 ? undefined : own
}
