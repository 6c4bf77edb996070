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
 * Asks a backend whether it is healthy, over a connection of its own, made as those of requests are. The answer is judged
 * as those of requests are: a redirect or a page is no answer of an ML server.
 *
 * @returns Why it is not healthy; `undefined` when it is.
 */
export function probe(
  backend: Backend,
  { path }: CheckOptions,
  { dispatcher, headers, signal, progress }: ProbeOptions,
): Promise<string | undefined> {
  const base = new URL(backend.url)
  // Before the event loop has turned, nothing could come of it: that says something about us.
  setImmediate(() => {
    progress.connected ??= false
  })
  return new Promise((resolve) => {
    const request: Dispatcher.DispatchOptions = {
      origin: base.origin,
      path: `${base.pathname.replace(/\/$/, '')}${path}`,
      method: 'GET',
      headers: withOwnHeaders(headers, backend.target.headers()),
      // A connection of its own: whether it can be opened is a part of the question.
      reset: true,
    }
    dispatcher.dispatch(request, new ProbeHandler(backend.name, signal, progress, resolve))
  })
}

class ProbeHandler implements Dispatcher.DispatchHandler {
  readonly #backend: string
  readonly #signal: AbortSignal
  readonly #progress: ProbeProgress
  readonly #tell: (problem: string | undefined) => void
  #head: Pick<BackendAnswer, 'status' | 'headers'> | undefined
  #chunks: Buffer[] = []
  #size = 0

  constructor(
    backend: string,
    signal: AbortSignal,
    progress: ProbeProgress,
    tell: (problem: string | undefined) => void,
  ) {
    this.#backend = backend
    this.#signal = signal
    this.#progress = progress
    this.#tell = tell
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
    this.#tell(
      probeProblem({ ...this.#head, body: Buffer.concat(this.#chunks), complete: true }, this.#backend),
    )
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const refused = tlsErrorOf(error)
    // Somebody is there who does not want to talk to us.
    if (refused !== undefined) this.#progress.connected = true
    else this.#progress.connected ??= false
    const code: unknown = Reflect.get(error, 'code')
    this.#tell(refused?.message ?? (typeof code === 'string' ? code : String(error)))
  }
}

/** Bytes of an answer that are read. */
const MOST = 16_384
