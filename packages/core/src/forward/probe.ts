import type { Dispatcher } from 'undici'
import type { Backend } from '../backend/backend.ts'
import type { CheckOptions } from '../backend/checker.ts'
import { type HeaderRecord, withOwnHeaders } from './headers.ts'
import { tlsErrorOf } from './tls-errors.ts'

/**
 * Asks a backend whether it is there, over its own connection, made as those of requests are.
 *
 * @returns Why it is not well; `undefined` when it is.
 */
export async function probe(
  backend: Backend,
  { path }: CheckOptions,
  { dispatcher, headers, signal }: { dispatcher: Dispatcher; headers: HeaderRecord; signal: AbortSignal },
): Promise<string | undefined> {
  const base = new URL(backend.url)
  try {
    const { statusCode, body } = await dispatcher.request({
      origin: base.origin,
      path: `${base.pathname.replace(/\/$/, '')}${path}`,
      method: 'GET',
      headers: withOwnHeaders(headers, backend.ownHeaders()),
      signal,
      // A connection of its own: whether it can be opened is a part of the question.
      reset: true,
    })
    await body.dump({ limit: 16_384 })
    return statusCode >= 200 && statusCode < 300 ? undefined : `status ${statusCode}`
  } catch (error) {
    const refused = tlsErrorOf(error)
    if (refused !== undefined) return refused.message
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
    return typeof code === 'string' ? code : String(error)
  }
}
