import type { Dispatcher } from 'undici'
import type { RunningAttempt } from '../backend/backend-target.ts'
import type { FailureCause, Outcome } from '../backend/outcome.ts'
import { ReplayReader } from '../body/body-reader.ts'
import { lendToUndici } from '../body/chunk-loans.ts'
import { callAt } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { BodyFailedError, RouterError, TlsError } from '../errors.ts'
import { GOOD } from '../judge/verdict.ts'
import { Answer, type ThinHeaders } from './answer.ts'
import type { AttemptOptions } from './attempt-options.ts'
import { causeOf } from './cause.ts'
import { Delivery, rawList, type ThinResponse } from './delivery.ts'
import type { ConnectionAware } from './dispatchers.ts'
import type { AttemptResult, KeptAnswer } from './forward-request.ts'
import { type HeaderRecord, withOwnHeaders } from './headers.ts'
import { tlsErrorOf } from './tls-errors.ts'
import { Watchdog } from './watchdog.ts'

/**
 * One try on one backend: it is undici's handler, and the `fetch` that http-proxy-3 calls.
 *
 * The answer is kept until it is complete and judged; only a good one goes to the client. Its outcome is settled exactly
 * once, by whichever comes first: the verdict, a failure of the backend, a failure of the body, or the client's leaving.
 */
export class Attempt implements Dispatcher.DispatchHandler, ConnectionAware, RunningAttempt {
  readonly result: Promise<AttemptResult>
  connection: ConnectionAware['connection']
  readonly #options: AttemptOptions
  readonly #delivery: Delivery
  #settle: (result: AttemptResult) => void = () => {}
  #settled = false
  #controller: Dispatcher.DispatchController | undefined
  #sent = false
  /** Whether the client, which gets no heartbeats, must have the head of an answer as soon as there is one. */
  #isHeadDue = false
  #answer: Answer | undefined
  readonly #watchdog: Watchdog
  #cancelDeadline: (() => void) | undefined
  #cancelHeadBy: (() => void) | undefined
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
    this.#delivery = new Delivery(options)
    this.result = new Promise((resolve) => {
      this.#settle = resolve
    })
    if (options.body instanceof ReplayReader) options.body.on('error', this.#onBodyError)
    // Before the listeners of others, which may ask for the outcome.
    options.request.res.prependListener('close', this.#onClientLeft)
    const { plan, clock } = options
    this.#watchdog = new Watchdog(clock, plan.timeouts.connect, () => this.#onSilence())
    this.#cancelDeadline = callAt(clock, plan.deadline, () => this.#timeOut('total-timeout'))
    this.#cancelHeadBy = callAt(clock, plan.headBy, () => this.#commitEarly())
    plan.superseded?.addEventListener('abort', this.#onSuperseded)
    plan.backend.target.enter(this)
    if (options.request.res.destroyed) this.#onClientLeft()
  }

  /**
   * Sends the request, as the `fetch` of http-proxy-3.
   *
   * @returns when a good answer begins to go to the client; never when there is none, which the outcome tells.
   */
  fetch(headers: HeaderRecord): Promise<ThinResponse> {
    return new Promise((resolve) => {
      this.#delivery.listen(resolve)
      this.send(headers)
    })
  }

  /**
   * Sends the request.
   *
   * @param headers Those for the backend.
   */
  send(headers: HeaderRecord): void {
    if (this.#settled) return
    const { plan, dispatcher, body } = this.#options
    const { backend } = plan
    // Not in what the listeners of http-proxy-3 see.
    const sent = withOwnHeaders(headers, backend.target.headers())
    try {
      dispatcher.dispatch({ path: backend.target.path, method: 'POST', headers: sent, body }, this)
    } catch (error) {
      this.fail(error)
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    const { body } = this.#options
    const socket = this.connection?.socket
    if (body instanceof ReplayReader && socket !== undefined) lendToUndici(body, socket)
    if (this.#settled) controller.abort(new Error('the attempt is over'))
    else this.#watchdog.restart(this.#options.plan.timeouts.response)
    this.#options.plan.marks.connected = this.#options.clock.now()
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
    statusText?: string,
  ): void {
    if (this.#settled || status < 200) return
    const { plan, clock, request, classes, answerMemory } = this.#options
    const rawHeaders = rawList(controller.rawHeaders)
    this.#answer = new Answer(
      { status, statusText, rawHeaders, headers },
      { backend: plan.backend.name, request, classes, limit: answerMemory },
    )
    plan.marks.answered = clock.now()
    this.#watchdog.restart(plan.timeouts.idle)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const answer = this.#answer
    if (this.#settled || answer === undefined) return
    this.#watchdog.touch()
    this.#options.plan.marks.received += chunk.length
    if (this.#delivery.started) this.#delivery.write(chunk, controller)
    else if (!answer.add(chunk)) this.#decideEarly(answer, controller, chunk)
    else if (this.#isHeadDue && answer.isWorthJudging) this.#commitEarly()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const answer = this.#answer
    if (this.#settled || answer === undefined) return
    let last: Buffer | undefined
    if (!this.#delivery.started) {
      const verdict = answer.judge(true)
      if (verdict.kind !== 'good') {
        this.#passOver(answer.passedOver(verdict), answer.keep())
        return
      }
      last = answer.bodyFor(this.#hasHeartbeat)
      if (last === undefined) {
        this.#cannotDeliver(new Error(UNDECODABLE))
        return
      }
      if (!this.#deliver(() => this.#delivery.begin(answer))) return
    }
    // From here on, only the client can be slow.
    this.#stopTimers()
    // An answer that comes before the upload is complete is final: the rest of the upload is not needed.
    this.#letGoOfBody()
    this.#options.request.body.destroy()
    const { body } = this.#options
    const answered: Outcome = {
      kind: 'answered',
      status: answer.status,
      verdict: GOOD,
      reachedBackend: true,
      reachedClient: true,
      starvedFor: body instanceof ReplayReader ? body.starvedFor : 0,
    }
    this.#options.plan.onOutcome?.(answered)
    this.#delivery.end(last, controller, (error) => (error ? this.#onClientLeft() : this.#finish(answered)))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  /** Where the request can go elsewhere, it does not wait for an answer that will hardly come. */
  backendGone(): void {
    const reached = this.#reached()
    if (!reached.reachedBackend || reached.reachedClient || !this.#options.plan.wouldGoOn()) return
    const error = new Error('the backend stopped accepting connections')
    this.#abort({ kind: 'failed', cause: 'gone', error, ...reached }, error.message)
  }

  /** The attempt failed for a reason that is not the client's. */
  fail(reason: unknown): void {
    const error = tlsErrorOf(reason) ?? (reason instanceof Error ? reason : new Error(String(reason)))
    this.#onBodyError(error)
    if (this.#settled) return
    const answer = this.#answer
    const verdict = answer?.isSuccess === false && !this.#delivery.started ? answer.judge(false) : undefined
    if (answer !== undefined && verdict !== undefined && verdict.kind !== 'undecided') {
      // An error that breaks off: its status says enough, unless it may be the job's own.
      this.#finish(answer.passedOver(verdict))
      return
    }
    const reached = this.#reached()
    if (error instanceof TlsError && answer === undefined) {
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
      this.#answer === undefined &&
      clock.now() - connected <= defaults.staleWithin
    )
  }

  /** The answer is too large to keep: it is judged by its beginning. */
  #decideEarly(answer: Answer, controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const verdict = answer.judge(false, chunk)
    if (verdict.kind !== 'good') this.#abort(answer.passedOver(verdict), 'the answer is passed over')
    else if (this.#stream(answer, controller)) this.#delivery.write(chunk, controller)
  }

  /** A client that gets no heartbeats must have the head of an answer soon. */
  #commitEarly(): void {
    this.#isHeadDue = true
    const [answer, controller] = [this.#answer, this.#controller]
    if (answer === undefined || controller === undefined || this.#delivery.started || this.#settled) return
    if (answer.judge(false).kind === 'good') this.#stream(answer, controller)
  }

  /** Gives what has come to the client, and the rest as it comes. @returns Whether that could begin. */
  #stream(answer: Answer, controller: Dispatcher.DispatchController): boolean {
    if (this.#hasHeartbeat && answer.isEncoded) return this.#cannotDeliver(new Error(UNDECODABLE))
    return this.#deliver(() => this.#delivery.beginStream(answer, controller))
  }

  /** @returns Whether the answer could begin. */
  #deliver(begin: () => void): boolean {
    try {
      begin()
      return true
    } catch (error) {
      // A header that Node refuses to write.
      return this.#cannotDeliver(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** The answer is good, and cannot be given to this client as it is. */
  #cannotDeliver(error: Error): false {
    this.#abort({ kind: 'failed', cause: 'protocol', error, ...this.#reached() }, error.message)
    return false
  }

  /** Whether the client has the head of its response already, which names no content coding. */
  get #hasHeartbeat(): boolean {
    return this.#options.request.heartbeat?.begun === true
  }

  #stopTimers(): void {
    this.#watchdog.stop()
    this.#cancelDeadline?.()
    this.#cancelHeadBy?.()
  }

  #onSilence(): void {
    const { body, plan } = this.#options
    const { timeouts } = plan
    const uploading = !this.#sent && body instanceof ReplayReader && body.starving
    const limit = this.#answer === undefined ? timeouts.response : timeouts.idle
    if (this.#controller !== undefined && (uploading || this.#controller.paused)) {
      // The client does not go on; how long that may last is not for this attempt to say.
      this.#watchdog.restart(limit)
    } else if (this.#controller === undefined) this.#timeOut('connect-timeout')
    else if (this.#answer !== undefined) this.#timeOut('idle-timeout')
    // Without another candidate, giving up would only lose the work that is being done.
    else if (plan.hasOther() || plan.backend.health.isDown) this.#timeOut('response-timeout')
    else this.#watchdog.restart(limit)
  }

  #timeOut(cause: FailureCause & `${string}timeout`): void {
    const error = new Error(`${cause.replace('-', ' ')} exceeded`)
    this.#abort({ kind: 'failed', cause, error, ...this.#reached() }, error.message)
  }

  /** A connection whose request and answer are complete can be used again. */
  #passOver(outcome: Outcome, answer: KeptAnswer): void {
    this.#finish(outcome, answer)
    if (!this.#sent) this.#controller?.abort(new Error('the answer came before the upload was complete'))
  }

  #abort(outcome: Outcome, why: string): void {
    if (this.#settled) return
    this.#finish(outcome)
    this.#controller?.abort(new Error(why))
  }

  #finish(outcome: Outcome, answer?: KeptAnswer): void {
    if (this.#settled) return
    this.#settled = true
    this.#stopTimers()
    if (answer === undefined) this.#answer?.release()
    const { body, request, plan } = this.#options
    request.res.off('close', this.#onClientLeft)
    plan.superseded?.removeEventListener('abort', this.#onSuperseded)
    plan.backend.target.exit(this)
    // A body that is still arriving is of no use to this attempt any more; its error has been told already.
    this.#letGoOfBody()
    if (body instanceof ReplayReader) body.destroy()
    plan.onOutcome?.(outcome)
    if (outcome.kind !== 'answered' && this.#delivery.started) this.#delivery.cut()
    this.#settle({ outcome, answer })
  }

  /** Whatever becomes of the body does not matter to this attempt from now on. */
  #letGoOfBody(): void {
    const { body } = this.#options
    if (body instanceof ReplayReader) body.off('error', this.#onBodyError).on('error', ignore)
  }

  #reached(): { reachedBackend: boolean; reachedClient: boolean } {
    return { reachedBackend: this.#controller !== undefined, reachedClient: this.#delivery.started }
  }
}

const UNDECODABLE = 'the content coding of the answer cannot be undone behind a heartbeat'

function ignore(): void {}
