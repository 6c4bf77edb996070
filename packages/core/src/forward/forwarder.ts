import { ProxyServer, type ServerOptions } from 'http-proxy-3'
import type { ReplayReader } from '../body/body-reader.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { parseForwardOptions } from '../config/parse-policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import { parseSize } from '../config/size.ts'
import { type AnswerClasses, type AnswerOptions, resolveAnswerClasses } from '../judge/answer-classes.ts'
import { Budget } from '../retry/budget.ts'
import type { Select } from '../routing/select-backend.ts'
import { Attempt } from './attempt.ts'
import { Dispatchers } from './dispatchers.ts'
import type { AttemptPlan, AttemptResult, ForwardRequest, KeptAnswer } from './forward-request.ts'
import { type HeaderRecord, ROUTE_HEADER, requestHeaders, withOwnHeaders, withoutHeaders } from './headers.ts'
import { probe } from './probe.ts'
import { type OwnHeader, ResponseWriter } from './response-writer.ts'
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
   * `x-forwarded-*`, `x-real-ip`. Such a name does not admit its twins, such as `X_Forwarded_For`.
   * @default []
   */
  readonly forwardHeaders?: readonly string[] | undefined
  /**
   * Most bytes of one answer that are kept until it is complete and judged; a larger one is judged by its beginning and
   * streamed from there on. They count in `totalBodyMemory`.
   * @default '1mb'
   */
  readonly answerMemory?: number | string | undefined
  /**
   * What statuses of answers mean, for those that differ from the table in docs/answers.md: lists of statuses from 400 to
   * 599 for `backend`, `type`, `undecided`, `job`, `lacks` and `busy`.
   * @default {}
   */
  readonly answers?: AnswerOptions | undefined
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

/** The same as {@link ForwardData}, complete; names of requests' headers are in lower case. */
interface ForwardSettings {
  readonly sender: Sender
  readonly backendHeader: string | false
  readonly upstreamHeader: string | undefined
  readonly passed: ReadonlySet<string>
  readonly classes: AnswerClasses
  /** In bytes. */
  readonly answerMemory: number
}

function settingsOf(data: ForwardData, proxy: ForwardOptions['proxy']): ForwardSettings {
  const { forwarder, backendHeader, upstreamHeader, forwardHeaders, answers, answerMemory } =
    parseForwardOptions(data)
  return {
    sender: senderOf(forwarder ?? defaults.forwarder, proxy),
    backendHeader: backendHeader ?? defaults.backendHeader,
    upstreamHeader: upstreamHeader?.toLowerCase(),
    passed: new Set(forwardHeaders?.map((name) => name.toLowerCase())),
    classes: resolveAnswerClasses(answers),
    answerMemory: parseSize(answerMemory ?? defaults.answerMemory) ?? defaults.answerMemory,
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
