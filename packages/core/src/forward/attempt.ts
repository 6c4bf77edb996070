import { type Dispatcher, errors } from 'undici'
import type { Visitor } from '../backend/backend.ts'
import type { FailureCause, Outcome } from '../backend/outcome.ts'
import { ReplayReader } from '../body/body-reader.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { BodyFailedError, RouterError, TlsError } from '../errors.ts'
import type { ConnectionAware } from './dispatchers.ts'
import type { AttemptPlan, ForwardRequest } from './forward-request.ts'
import { type HeaderRecord, ROUTE_HEADER, withOwnHeaders } from './headers.ts'
import { mayLackTask, retryAfterOf, saysTaskIsUnknown } from './refusals.ts'
import { ResponseWriter } from './response-writer.ts'
import { tlsErrorOf } from './tls-errors.ts'
import { Watchdog } from './watchdog.ts'

/** The part of a fetch response that http-proxy-3 looks at. The body is not in it: it went to the client directly. */
export interface ThinResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: { entries(): IterableIterator<[string, string | string[] | undefined]> }
  readonly body: null
}

export interface AttemptOptions {
  readonly plan: AttemptPlan
  readonly clock: Clock
  readonly dispatcher: Dispatcher
  /** The whole body, or a stream of it. */
  readonly body: ReplayReader | Buffer
  readonly request: ForwardRequest
  /** A header to add to the response. */
  readonly responseHeader: readonly [name: string, value: string] | undefined
}

/**
 * One try on one backend: it is undici's handler, and the `fetch` that http-proxy-3 calls.
 *
 * Its outcome is settled exactly once, by whichever comes first: the response's end, a failure of the backend, a
 * failure of the body, or the client's leaving.
 */
export class Attempt implements Dispatcher.DispatchHandler, ConnectionAware, Visitor {
  readonly outcome: Promise<Outcome>
  connection: ConnectionAware['connection']
  readonly #options: AttemptOptions
  readonly #writer: ResponseWriter
  #settle: (outcome: Outcome) => void = () => {}
  #settled = false
  #controller: Dispatcher.DispatchController | undefined
  #sent = false
  #status = 0
  #head:
    | { readonly status: number; readonly headers: ThinHeaders; readonly text: string | undefined }
    | undefined
  /** What has come of an answer that may say that the task is unknown. */
  #refusal: Buffer[] | undefined
  readonly #watchdog: Watchdog
  #cancelDeadline: (() => void) | undefined
  #respond: ((response: ThinResponse) => void) | undefined
  readonly #onClientLeft = () => this.#abort({ kind: 'client-left', ...this.#reached() }, 'the client left')
  readonly #onSuperseded = () => {
    const { reachedBackend } = this.#reached()
    this.#abort({ kind: 'superseded', reachedBackend, reachedClient: false }, 'another copy was quicker')
  }
  readonly #onBodyError = (error: Error) => {
    // undici destroys the body when the backend fails; only what the body itself reports is the body's fault.
    if (error instanceof BodyFailedError) this.#onClientLeft()
    else if (error instanceof RouterError) {
      this.#abort({ kind: 'body-failed', error, ...this.#reached() }, 'the request body failed')
    }
  }

  constructor(options: AttemptOptions) {
    this.#options = options
    this.#writer = new ResponseWriter(options.request.res)
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve
    })
    if (options.body instanceof ReplayReader) options.body.on('error', this.#onBodyError)
    options.request.res.on('close', this.#onClientLeft)
    const { plan, clock } = options
    this.#watchdog = new Watchdog(clock, plan.timeouts.connect, () => this.#onSilence())
    const left = plan.deadline - clock.now()
    if (left !== Number.POSITIVE_INFINITY) {
      this.#cancelDeadline = clock.after(Math.max(0, left), () => this.#timeOut('total-timeout'))
    }
    plan.superseded?.addEventListener('abort', this.#onSuperseded)
    plan.backend.enter(this)
    if (options.request.res.destroyed) this.#onClientLeft()
  }

  /**
   * Sends the request, as the `fetch` of http-proxy-3.
   *
   * @returns when the response's headers have arrived; never when the attempt fails, which the outcome tells.
   */
  fetch(headers: HeaderRecord): Promise<ThinResponse> {
    return new Promise((resolve) => {
      this.#respond = resolve
      this.send(headers)
    })
  }

  /**
   * Sends the request and streams the response to the client.
   *
   * @param headers Those for the backend.
   */
  send(headers: HeaderRecord): void {
    if (this.#settled) return
    const { plan, dispatcher, body } = this.#options
    const { backend } = plan
    // Not in what the listeners of http-proxy-3 see.
    const sent = withOwnHeaders(headers, backend.ownHeaders())
    try {
      dispatcher.dispatch({ path: backend.predictPath, method: 'POST', headers: sent, body }, this)
    } catch (error) {
      this.fail(error)
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#lendBody()
    if (this.#settled) controller.abort(new Error('the attempt is over'))
    else this.#watchdog.restart(this.#options.plan.timeouts.response)
    this.#options.plan.marks.connected = this.#options.clock.now()
  }

  /** undici keeps nothing of what it sends but in its socket, until that has passed it on. */
  #lendBody(): void {
    const { body } = this.#options
    const socket = this.connection?.socket
    if (body instanceof ReplayReader && socket !== undefined) body.lend(() => socket.writableLength)
  }

  onBodySent(): void {
    this.#watchdog.touch()
  }

  onRequestSent(): void {
    this.#sent = true
    this.#watchdog.touch()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: ThinHeaders,
    text?: string,
  ): void {
    if (this.#settled || status < 200) return
    this.#status = status
    this.#head = { status, headers, text }
    const { plan, clock } = this.#options
    plan.marks.answered = clock.now()
    if (plan.passesOver({ status, lacksTask: status === 501 })) {
      this.#passOver(status === 501)
      return
    }
    this.#watchdog.restart(plan.timeouts.idle)
    if (mayLackTask(status, headers)) this.#refusal = []
    else this.#commit(controller)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return
    this.#watchdog.touch()
    this.#options.plan.marks.received += chunk.length
    if (this.#refusal === undefined) {
      this.#writer.write(controller, chunk)
      return
    }
    this.#refusal.push(chunk)
    const size = this.#refusal.reduce((sum, { length }) => sum + length, 0)
    if (size > defaults.maxRefusalSize) this.#commit(controller)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#settled) return
    let lacksTask = this.#status === 501
    if (this.#refusal !== undefined) {
      lacksTask = saysTaskIsUnknown(Buffer.concat(this.#refusal).toString())
      if (lacksTask && this.#options.plan.passesOver({ status: this.#status, lacksTask })) {
        this.#finish(this.#passedOver(true))
        return
      }
      this.#commit(controller)
      if (this.#settled) return
    }
    // From here on, only the client can be slow.
    this.#stopTimers()
    // An answer that comes before the upload is complete is final: nobody needs the rest, which fails for that reason.
    this.#letGoOfBody()
    this.#options.request.body.destroy()
    const answered = {
      kind: 'answered',
      status: this.#status,
      reachedBackend: true,
      reachedClient: true,
      lacksTask,
      retryAfter: this.#retryAfter(),
      starvedFor: this.#options.body instanceof ReplayReader ? this.#options.body.starvedFor : 0,
    } as const
    this.#writer.end(controller, () => this.#finish(answered))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  /** Where the request can go elsewhere, it does not wait for an answer that will hardly come. */
  backendGone(): void {
    const reached = this.#reached()
    if (!reached.reachedBackend || reached.reachedClient || !this.#options.plan.wouldGoOn()) return
    const error = new Error('the machine takes no connections any more')
    this.#abort({ kind: 'failed', cause: 'gone', error, ...reached }, error.message)
  }

  /** The attempt failed for a reason that is not the client's. */
  fail(reason: unknown): void {
    const error = tlsErrorOf(reason) ?? (reason instanceof Error ? reason : new Error(String(reason)))
    this.#onBodyError(error)
    const reached = this.#reached()
    if (error instanceof TlsError && this.#status === 0) {
      // With TLS 1.3 a server may refuse the client when the request is already on its way.
      this.#finish({ kind: 'failed', cause: 'connect', error, ...reached, reachedBackend: false })
      return
    }
    const cause = causeOf(error, reached.reachedBackend)
    this.#finish({
      kind: 'failed',
      cause: cause === 'reset' && this.#isStale() ? 'stale' : cause,
      error,
      ...reached,
    })
  }

  /** A connection that was kept open, and that the backend closed before it saw the request. */
  #isStale(): boolean {
    const { clock, plan } = this.#options
    const { connected = clock.now() } = plan.marks
    return (
      this.connection?.reused === true &&
      this.#status === 0 &&
      clock.now() - connected <= defaults.staleWithin
    )
  }

  /** Gives the answer to the client, as far as it has come; there will be no other attempt. */
  #commit(controller: Dispatcher.DispatchController): void {
    const { request, responseHeader } = this.#options
    const head = this.#head
    if (head === undefined) return
    const { status, text, headers } = head
    if (request.heartbeat?.begun === true && !isJsonSuccess(status, headers)) {
      this.#passOver(false)
      return
    }
    const added = responseHeader === undefined ? [] : [responseHeader]
    if (request.routeHeader !== undefined) added.push([ROUTE_HEADER, request.routeHeader()])
    this.#writer.start(controller, status, text, added)
    request.heartbeat?.stop()
    if (this.#options.body instanceof ReplayReader) this.#options.body.giveBack()
    request.body.release()
    this.#options.plan.onCommit?.()
    if (this.#respond !== undefined) {
      const entries = () => Object.entries(headers)[Symbol.iterator]()
      this.#respond({ status, statusText: text ?? '', headers: { entries }, body: null })
    }
    const early = this.#refusal ?? []
    this.#refusal = undefined
    for (const chunk of early) this.#writer.write(controller, chunk)
  }

  #passOver(lacksTask: boolean): void {
    this.#abort(this.#passedOver(lacksTask), 'it is passed over')
  }

  #passedOver(lacksTask: boolean): Outcome {
    const [status, retryAfter] = [this.#status, this.#retryAfter()]
    return { kind: 'passed-over', status, lacksTask, retryAfter, reachedBackend: true, reachedClient: false }
  }

  #retryAfter(): number | undefined {
    return this.#status === 429 ? retryAfterOf(this.#head?.headers['retry-after']) : undefined
  }

  #stopTimers(): void {
    this.#watchdog.stop()
    this.#cancelDeadline?.()
  }

  #onSilence(): void {
    const { body, plan } = this.#options
    const uploading = !this.#sent && body instanceof ReplayReader && body.starving
    if (this.#controller !== undefined && (uploading || this.#controller.paused)) {
      // It is the client that does not go on. How long that may last is for its own server to say.
      this.#watchdog.restart(this.#status === 0 ? plan.timeouts.response : plan.timeouts.idle)
      return
    }
    this.#timeOut(
      this.#controller === undefined
        ? 'connect-timeout'
        : this.#status === 0
          ? 'response-timeout'
          : 'idle-timeout',
    )
  }

  #timeOut(cause: FailureCause & `${string}timeout`): void {
    const error = new Error(`the ${cause.replace('-', ' ')} is over`)
    this.#abort({ kind: 'failed', cause, error, ...this.#reached() }, error.message)
  }

  #abort(outcome: Outcome, why: string): void {
    if (this.#settled) return
    this.#finish(outcome)
    this.#controller?.abort(new Error(why))
  }

  #finish(outcome: Outcome): void {
    if (this.#settled) return
    this.#settled = true
    this.#stopTimers()
    const { body, request, plan } = this.#options
    request.res.off('close', this.#onClientLeft)
    plan.superseded?.removeEventListener('abort', this.#onSuperseded)
    plan.backend.exit(this)
    // A body that is still arriving is of no use to this attempt any more; its error has been told already.
    this.#letGoOfBody()
    if (body instanceof ReplayReader) body.destroy()
    if (outcome.kind !== 'answered' && this.#writer.started) this.#writer.cut()
    this.#settle(outcome)
  }

  /** Whatever becomes of the body does not matter to this attempt from now on. */
  #letGoOfBody(): void {
    const { body } = this.#options
    if (body instanceof ReplayReader) body.off('error', this.#onBodyError).on('error', ignore)
  }

  #reached(): { reachedBackend: boolean; reachedClient: boolean } {
    return { reachedBackend: this.#controller !== undefined, reachedClient: this.#writer.started }
  }
}

type ThinHeaders = Record<string, string | string[] | undefined>

function isJsonSuccess(status: number, headers: ThinHeaders): boolean {
  const type = headers['content-type']
  const coding = headers['content-encoding'] ?? 'identity'
  return (
    status === 200 &&
    typeof type === 'string' &&
    /^application\/(?:[^;]+\+)?json\b/i.test(type) &&
    coding === 'identity'
  )
}

function causeOf(error: Error, reachedBackend: boolean): FailureCause {
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError)
    return 'shutdown'
  if (error instanceof errors.ConnectTimeoutError) return 'connect-timeout'
  if (error instanceof errors.HeadersTimeoutError) return 'response-timeout'
  if (error instanceof errors.BodyTimeoutError) return 'idle-timeout'
  if (!reachedBackend) return 'connect'
  if (error instanceof errors.SocketError) return 'reset'
  const code: unknown = Reflect.get(error, 'code')
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED' ? 'reset' : 'protocol'
}

function ignore(): void {}
