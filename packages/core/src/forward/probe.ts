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
    let head: Pick<BackendAnswer, 'status' | 'headers'> | undefined
    const chunks: Buffer[] = []
    let size = 0
    const judge = () => {
      if (head !== undefined)
        resolve(probeProblem({ ...head, body: Buffer.concat(chunks), complete: true }, backend.name))
    }
    const request: Dispatcher.DispatchOptions = {
      origin: base.origin,
      path: `${base.pathname.replace(/\/$/, '')}${path}`,
      method: 'GET',
      headers: withOwnHeaders(headers, backend.target.headers()),
      // A new connection: the probe also checks that one can be opened.
      reset: true,
    }
    dispatcher.dispatch(request, {
      onRequestStart(controller) {
        progress.connected = true
        const abort = () => controller.abort(new Error('the probe is over'))
        if (signal.aborted) abort()
        else signal.addEventListener('abort', abort, { once: true })
      },
      onResponseStart(_, status, headers) {
        if (status >= 200) head = { status, headers }
      },
      onResponseData(controller, chunk) {
        size += chunk.length
        chunks.push(chunk)
        if (size <= MOST) return
        judge()
        controller.abort(new Error('the answer is too long'))
      },
      onResponseEnd: judge,
      onResponseError(_, error) {
        const refused = tlsErrorOf(error)
        // The server is reachable, but refuses the handshake.
        if (refused !== undefined) progress.connected = true
        else progress.connected ??= false
        const code: unknown = Reflect.get(error, 'code')
        resolve(refused?.message ?? (typeof code === 'string' ? code : String(error)))
      },
    })
  })
}

/** Bytes of an answer after which no more is read. */
const MOST = 16_384
