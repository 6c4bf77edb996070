import type { Dispatcher } from 'undici'
import type { Backend } from '../backend/backend.ts'
import type { CheckOptions, ProbeProgress } from '../backend/checker.ts'
import { type HeaderRecord, withOwnHeaders } from './headers.ts'
import { tlsErrorOf } from './tls-errors.ts'

export interface ProbeOptions {
  readonly dispatcher: Dispatcher
  readonly headers: HeaderRecord
  readonly signal: AbortSignal
  readonly progress: ProbeProgress
}

/**
 * Asks a backend whether it is there, over its own connection, made as those of requests are.
 *
 * @returns Why it is not well; `undefined` when it is.
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
      headers: withOwnHeaders(headers, backend.ownHeaders()),
      // A connection of its own: whether it can be opened is a part of the question.
      reset: true,
    }
    dispatcher.dispatch(request, new ProbeHandler(signal, progress, resolve))
  })
}

class ProbeHandler implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal
  readonly #progress: ProbeProgress
  readonly #tell: (problem: string | undefined) => void
  #status = 0
  #size = 0

  constructor(signal: AbortSignal, progress: ProbeProgress, tell: (problem: string | undefined) => void) {
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

  onResponseStart(_: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size <= MOST) return
    this.onResponseEnd()
    controller.abort(new Error('the answer is too long'))
  }

  onResponseEnd(): void {
    this.#tell(this.#status >= 200 && this.#status < 300 ? undefined : `status ${this.#status}`)
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

/** Bytes of an answer that are read: its status says it all. */
const MOST = 16_384
