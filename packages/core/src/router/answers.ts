import { type ServerResponse, STATUS_CODES } from 'node:http'
import { defaults } from '../config/defaults.ts'
import { type ErrorCode, RouterError } from '../errors.ts'
import { endResponse } from '../forward/response-writer.ts'
import { turnToRefuse } from './slow-refusal.ts'

/**
 * Errors after which the connection is closed: the next process should get the client's next request, or a proxy in between may
 * disagree about where this one ends.
 */
const CLOSING: ReadonlySet<ErrorCode> = new Set(['router-closed', 'unsupported-transfer-coding'])

/** Answers with a text or JSON body, unless an answer has begun. Resolves when it is sent, or the client is gone. */
export function answer(
  res: ServerResponse,
  status: number,
  body: string | Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (res.headersSent || res.destroyed) return Promise.resolve()
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
  // With its phrase: a backend's failed response may have left another.
  res.writeHead(status, STATUS_CODES[status] ?? '', {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  res.write(text)
  return new Promise((resolve) => {
    res.once('close', resolve)
    endResponse(res, true, () => {
      res.off('close', resolve)
      resolve()
    })
  })
}

/**
 * Answers with an error in the form that FastAPI's clients expect: `{"detail": …, "code": …}`. A bulk request that the
 * router cannot serve waits for its turn: one refusal per second and client address.
 */
export async function answerError(res: ServerResponse, error: unknown): Promise<void> {
  const known =
    error instanceof RouterError
      ? error
      : new RouterError('internal', 'The router failed to handle this request.', {
          cause: error,
        })
  const turn = turnToRefuse(res, known.code)
  if (turn !== undefined) await turn
  if (CLOSING.has(known.code)) res.shouldKeepAlive = false
  const retry = known.status === 503 ? { 'retry-after': String(defaults.retryAfterSeconds) } : undefined
  return answer(res, known.status, { detail: known.message, code: known.code, ...known.details }, retry)
}
