import type { Dispatcher } from 'undici'
import type { Backend } from '../backend/backend.ts'
import type { CheckOptions, ProbeProgress } from '../backend/health/checker.ts'
import type { BackendAnswer } from '../judge/backend-answer.ts'
import { probeProblem } from '../judge/judge.ts'
import { type HeaderRecord, withOwnHeaders } from './headers.ts'
import { tlsErrorOf } from './tls-errors.ts'

export interface ProbeOptions {
  readonly dispatcher: Dispatcher
  readonly headers: HeaderRecord
  readonly signal: AbortSignal
  readonly progress: ProbeProgress
}

/**
 * Probes a backend over a new connection, with the settings of requests. The answer is judged like a request's: a redirect or
 * an HTML page does not come from an ML server.
 *
 * @returns Why it is unhealthy; `undefined` when it is healthy.
 */
export function probe(
  backend: Backend,
  { path }: CheckOptions,
  { dispatcher, headers, signal, progress }: ProbeOptions,
): Promise<string | undefined> {
  const base = new URL(backend.url)
  // An error before the next turn of the event loop comes from this process, not from the backend.
  setImmediate(() => {
    progress.connected ??= false
  })
  return new Promise((resolve) => {
    const request: Dispatcher.DispatchOptions = {
      origin: base.origin,
      path: `${base.pathname.replace(/\/$/, '')}${path}`,
      method: 'GET',
      headers: withOwnHeaders(headers, backend.target.headers()),
      // A new connection: the probe also checks that one can be opened.
      reset: true,
    }
    dispatcher.dispatch(request, new ProbeHandler(backend.name, signal, progress, resolve))
  })
}

class ProbeHandler implements Dispatcher.DispatchHandler {
  readonly #backend: string
  readonly #signal: AbortSignal
  readonly #progress: ProbeProgress
  readonly #report: (problem: string | undefined) => void
  #head: Pick<BackendAnswer, 'status' | 'headers'> | undefined
  #chunks: Buffer[] = []
  #size = 0

  constructor(
    backend: string,
    signal: AbortSignal,
    progress: ProbeProgress,
    report: (problem: string | undefined) => void,
  ) {
    this.#backend = backend
    this.#signal = signal
    this.#progress = progress
    this.#report = report
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#progress.connected = true
    const abort = () => controller.abort(new Error('the probe is over'))
    if (this.#signal.aborted) abort()
    else this.#signal.addEventListener('abort', abort, { once: true })
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status >= 200) this.#head = { status, headers }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size <= MOST) {
      this.#chunks.push(chunk)
      return
    }
    this.onResponseEnd()
    controller.abort(new Error('the answer is too long'))
  }

  onResponseEnd(): void {
    if (this.#head === undefined) return
    this.#report(
      probeProblem({ ...this.#head, body: Buffer.concat(this.#chunks), complete: true }, this.#backend),
    )
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const refused = tlsErrorOf(error)
    // The server is reachable, but refuses the handshake.
    if (refused !== undefined) this.#progress.connected = true
    else this.#progress.connected ??= false
    const code: unknown = Reflect.get(error, 'code')
    this.#report(refused?.message ?? (typeof code === 'string' ? code : String(error)))
  }
}

/** Bytes of an answer that are read. */
const MOST = 16_384
