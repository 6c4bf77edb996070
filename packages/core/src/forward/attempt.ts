import type { Dispatcher } from 'undici'
import type { RunningAttempt } from '../backend/backend-target.ts'
import type { FailureCause, Outcome } from '../backend/outcome.ts'
import { ReplayReader } from '../body/body-reader.ts'
import { lendToUndici } from '../body/chunk-loans.ts'
import { toError } from '../call-safely.ts'
import { callAt } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { BodyFailedError, RouterError, TlsError } from '../errors.ts'
import { GOOD } from '../judge/verdict.ts'
import { Answer } from './answer.ts'
import { causeOf } from './cause.ts'
import type { ConnectionAware } from './dispatchers.ts'
import type { AttemptOptions, AttemptResult, KeptAnswer } from './forward-request.ts'
import { ResponseWriter } from './response-writer.ts'
import { tlsErrorOf } from './tls-errors.ts'
import { Watchdog } from './watchdog.ts'

/**
 * One attempt on one backend: it is undici's handler.
 *
 * The answer is kept until it is complete and judged; only a good one goes to the client. The outcome is settled exactly once:
 * by the verdict, a failure of the backend or of the body, or the client leaving, whichever is first.
 */
export class Attempt implements Dispatcher.DispatchHandler, ConnectionAware, RunningAttempt {
  readonly result: Promise<AttemptResult>
  connection: ConnectionAware['connection']
  readonly options: AttemptOptions
  /** Set once the answer goes to the client. */
  #writer: ResponseWriter | undefined
  #settle: (result: AttemptResult) => void = () => {}
  #settled = false
  #controller: Dispatcher.DispatchController | undefined
  #sent = false
  /** Whether the client, which takes no heartbeats, needs the head of an answer as soon as there is one. */
  #isHeadDue = false
  #answer: Answer | undefined
  readonly #watchdog: Watchdog
  #cancelDeadline: (() => void) | undefined
  #cancelHeadBy: (() => void) | undefined
  readonly #onClientLeft = () => this.#abort({ kind: 'client-left', ...this.#reached() }, 'the client left')
  readonly #onSuperseded = () => {
    const { reachedBackend } = this.#reached()
    this.#abort({ kind: 'superseded', reachedBackend, reachedClient: false }, 'another attempt was faster')
  }
  readonly #onBodyError = (error: Error) => {
    // undici destroys the body when the backend fails; only what the body itself reports is the body's fault.
    if (error instanceof BodyFailedError) this.#onClientLeft()
    else if (error instanceof RouterError) {
      this.#abort({ kind: 'body-failed', error, ...this.#reached() }, 'the request body failed')
    }
  }

  constructor(options: AttemptOptions) {
    this.options = options
    this.result = new Promise((resolve) => {
      this.#settle = resolve
    })
    if (options.body instanceof ReplayReader) options.body.on('error', this.#onBodyError)
    // Before the listeners of others, which may ask for the outcome.
    options.request.res.prependListener('close', this.#onClientLeft)
    const { plan, clock } = options
    this.#watchdog = new Watchdog(clock, plan.lease.timeouts.connect, (since) => this.#onSilence(since))
    if (plan.deadline !== Number.POSITIVE_INFINITY)
      this.#cancelDeadline = callAt(clock, plan.deadline, () => this.#timeOut('total-timeout'))
    if (plan.headBy !== Number.POSITIVE_INFINITY)
      this.#cancelHeadBy = callAt(clock, plan.headBy, () => this.#commitEarly())
    plan.superseded?.addEventListener('abort', this.#onSuperseded)
    plan.lease.backend.target.enter(this)
    if (options.request.res.destroyed) this.#onClientLeft()
    else if (plan.superseded?.aborted === true) this.#onSuperseded()
  }

  /** Whether its outcome is known. */
  get settled(): boolean {
    return this.#settled
  }

  /** The backend's answer, once its head has come. */
  get answer(): Answer | undefined {
    return this.#answer
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    const { body } = this.options
    const socket = this.connection?.socket
    if (body instanceof ReplayReader && socket !== undefined) lendToUndici(body, socket)
    if (this.#settled) controller.abort(new Error('the attempt is over'))
    else this.#watchdog.restart(this.#firstLook)
    this.options.plan.marks.connected = this.options.clock.now()
  }

  onBodySent(): void {
    this.#watchdog.restart()
  }

  onRequestSent(): void {
    this.#sent = true
    this.#watchdog.restart()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Answer['headers'],
    statusText?: string,
  ): void {
    if (this.#settled || status < 200) return
    const { plan, clock, request, classes, answerMemory } = this.options
    const rawHeaders = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
    this.#answer = new Answer(
      { status, statusText, rawHeaders, headers },
      { backend: plan.lease.backend.name, request, classes, limit: answerMemory },
    )
    plan.marks.answered = clock.now()
    this.#watchdog.restart(plan.lease.timeouts.idle)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const answer = this.#answer
    if (this.#settled || answer === undefined) return
    this.#watchdog.restart()
    this.options.plan.marks.received += chunk.length
    if (this.#writer !== undefined) this.#writer.write(chunk, controller)
    else if (!answer.add(chunk)) this.#decideEarly(answer, controller, chunk)
    else if (this.#isHeadDue && answer.isWorthJudging) this.#commitEarly()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const answer = this.#answer
    if (this.#settled || answer === undefined) return
    const { body, request, plan } = this.options
    let last: Buffer | undefined
    if (this.#writer === undefined) {
      const verdict = answer.judge(true)
      if (verdict.kind !== 'good') {
        this.#finish(answer.passedOver(verdict), answer.keep())
        // A connection whose request and answer are complete can be used again.
        if (!this.#sent) controller.abort(new Error('the answer came before the upload was complete'))
        return
      }
      // After a heartbeat, whose head names no content coding, the body is decoded.
      last = request.heartbeat?.begun === true && answer.isEncoded ? answer.decoded : answer.bytes
      if (last === undefined) this.#cannotDeliver(new Error(UNDECODABLE))
      else {
        const plain = answer.isEncoded ? answer.decoded : last
        if (plain !== undefined) request.onGood?.(plain)
        this.#begin(answer)
      }
    }
    if (this.#writer === undefined) return
    // From here on, only the client can be slow. An answer that comes before the upload is complete is final.
    this.#detach()
    request.body.destroy()
    const answered: Outcome = {
      kind: 'answered',
      status: answer.status,
      verdict: GOOD,
      reachedBackend: true,
      reachedClient: true,
      starvedFor: body instanceof ReplayReader ? body.starvedFor : 0,
    }
    plan.onOutcome?.(answered)
    const trailers = Array.isArray(controller.rawTrailers) ? controller.rawTrailers : undefined
    this.#writer.end(last, trailers, (error) => (error ? this.#onClientLeft() : this.#finish(answered)))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  /** Fails the attempt if the request can be retried or held: an answer is unlikely. */
  backendGone(cause: 'gone' | 'frozen'): void {
    const reached = this.#reached()
    if (!reached.reachedBackend || reached.reachedClient) return
    if ((cause === 'frozen' && this.#answer !== undefined) || !this.options.plan.hasNextStep()) return
    const error = new Error(
      cause === 'gone' ? 'the backend stopped accepting connections' : 'the backend is frozen',
    )
    this.#abort({ kind: 'failed', cause, error, ...reached }, error.message)
  }

  /** The attempt failed for a reason that is not the client's. */
  fail(reason: unknown): void {
    const error = tlsErrorOf(reason) ?? toError(reason)
    this.#onBodyError(error)
    if (this.#settled) return
    const answer = this.#answer
    const verdict =
      answer?.isSuccess === false && this.#writer === undefined ? answer.judge(false) : undefined
    if (answer !== undefined && verdict !== undefined && verdict.kind !== 'undecided') {
      // An error answer that broke off: its status is enough, unless the job may be at fault.
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

  /** Whether the backend closed a kept connection before it saw the request. */
  #isStale(): boolean {
    const { clock, plan } = this.options
    const { connected = clock.now() } = plan.marks
    return (
      this.connection?.reused === true &&
      this.#answer === undefined &&
      clock.now() - connected <= defaults.staleWithin
    )
  }

  /** Judges an answer that is too large to keep by its beginning. */
  #decideEarly(answer: Answer, controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const verdict = answer.judge(false, chunk)
    if (verdict.kind !== 'good') this.#abort(answer.passedOver(verdict), 'the answer is passed over')
    else this.#stream(answer, controller, chunk)
  }

  /** Gives a client that takes no heartbeats the head of an answer, so that it does not give up. */
  #commitEarly(): void {
    this.#isHeadDue = true
    const [answer, controller] = [this.#answer, this.#controller]
    if (answer === undefined || controller === undefined || this.#writer !== undefined || this.#settled)
      return
    if (answer.judge(false).kind === 'good') this.#stream(answer, controller)
  }

  /** Gives what has arrived to the client, and the rest as it arrives. @param next What has arrived after the kept bytes. */
  #stream(answer: Answer, controller: Dispatcher.DispatchController, next?: Buffer): void {
    if (answer.isEncoded && this.options.request.heartbeat?.begun === true) {
      this.#cannotDeliver(new Error(UNDECODABLE))
      return
    }
    const { bytes } = answer
    this.#begin(answer)
    if (bytes.length > 0) this.#writer?.write(bytes, controller)
    if (next !== undefined) this.#writer?.write(next, controller)
  }

  /** Commits, unless the answer cannot be given to this client: from here on there is no other attempt. */
  #begin(answer: Answer): void {
    const { request, addedHeaders, body, plan } = this.options
    try {
      this.#writer = new ResponseWriter(request.res, answer.head, addedHeaders())
    } catch (error) {
      // A header that Node refuses to write.
      this.#cannotDeliver(toError(error))
      return
    }
    answer.release()
    request.heartbeat?.stop()
    if (body instanceof ReplayReader) body.release()
    request.body.release()
    plan.onCommit()
  }

  /** The answer is good, but cannot be given to this client. */
  #cannotDeliver(error: Error): void {
    this.#abort({ kind: 'failed', cause: 'protocol', error, ...this.#reached() }, error.message)
  }

  /** @param since When something happened last, on the clock. */
  #onSilence(since: number): void {
    const { body, plan, clock } = this.options
    const { timeouts } = plan.lease
    const uploading = !this.#sent && body instanceof ReplayReader && body.starving
    if (this.#controller !== undefined && (uploading || this.#controller.paused)) {
      // The client is slow; other timeouts limit that.
      this.#watchdog.restart(this.#answer === undefined ? this.#firstLook : timeouts.idle)
    } else if (this.#controller === undefined) this.#timeOut('connect-timeout')
    else if (this.#answer !== undefined) this.#timeOut('idle-timeout')
    else {
      const silence = clock.now() - since
      if (silence < timeouts.response) {
        const next = silence + plan.look.again(silence)
        this.#watchdog.restart(Math.min(timeouts.response, next), since)
      }
      // Without another candidate, giving up would only lose the work that is being done.
      else if (plan.hasOther() || plan.lease.backend.health.isDown) this.#timeOut('response-timeout')
      else this.#watchdog.restart(timeouts.response)
    }
  }

  /** After how long without a byte of an answer it is asked first whether the backend is frozen, in milliseconds. */
  get #firstLook(): number {
    const { lease, look } = this.options.plan
    return Math.min(lease.timeouts.response, look.after)
  }

  #timeOut(cause: FailureCause & `${string}timeout`): void {
    const error = new Error(`${cause.replace('-', ' ')} exceeded`)
    this.#abort({ kind: 'failed', cause, error, ...this.#reached() }, error.message)
  }

  #abort(outcome: Outcome, why: string): void {
    if (this.#settled) return
    this.#finish(outcome)
    this.#controller?.abort(new Error(why))
  }

  #finish(outcome: Outcome, answer?: KeptAnswer): void {
    if (this.#settled) return
    this.#settled = true
    this.#detach()
    if (answer === undefined) this.#answer?.release()
    const { body, request, plan } = this.options
    request.res.off('close', this.#onClientLeft)
    plan.superseded?.removeEventListener('abort', this.#onSuperseded)
    plan.lease.backend.target.exit(this)
    if (body instanceof ReplayReader) body.destroy()
    plan.onOutcome?.(outcome)
    if (outcome.kind !== 'answered') this.#writer?.cut()
    this.#settle({ outcome, answer })
  }

  /** Stops the timers; a failure of the body no longer matters to this attempt. */
  #detach(): void {
    const { body } = this.options
    this.#watchdog.stop()
    this.#cancelDeadline?.()
    this.#cancelHeadBy?.()
    if (body instanceof ReplayReader) body.off('error', this.#onBodyError).on('error', ignore)
  }

  #reached(): { reachedBackend: boolean; reachedClient: boolean } {
    return { reachedBackend: this.#controller !== undefined, reachedClient: this.#writer !== undefined }
  }
}

const UNDECODABLE = 'the content coding of the answer cannot be undone behind a heartbeat'

function ignore(): void {}
