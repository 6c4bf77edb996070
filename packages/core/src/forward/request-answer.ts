import type { Pool } from 'undici'
import { toError } from '../call-safely.ts'
import type { BackendAnswer } from '../judge/backend-answer.ts'
import { decode } from './answer.ts'
import { causeOf } from './cause.ts'
import type { HeaderRecord } from './headers.ts'

/** A request of the router itself. */
export interface OwnRequest {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly headers: HeaderRecord
  readonly body?: Buffer
  readonly signal: AbortSignal
}

/**
 * Sends a request of the router itself and reads its answer. A request whose connection breaks is sent once more: after a 500
 * an ML server closes the connection without notice.
 *
 * @param answerMemory Bytes of the answer that are read.
 * @throws the error of the connection.
 */
export async function requestAnswer(
  dispatcher: Pool,
  request: OwnRequest,
  answerMemory: number,
): Promise<BackendAnswer> {
  try {
    return await answerOf(dispatcher, request, answerMemory)
  } catch (error) {
    if (request.signal.aborted || causeOf(toError(error), true) !== 'reset') throw error
    return await answerOf(dispatcher, request, answerMemory)
  }
}

async function answerOf(dispatcher: Pool, request: OwnRequest, answerMemory: number): Promise<BackendAnswer> {
  const response = await dispatcher.request(request)
  const chunks: Buffer[] = []
  let size = 0
  // Leaving the loop early closes the connection.
  for await (const chunk of response.body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > answerMemory) break
  }
  const { statusCode: status, headers } = response
  const bytes = Buffer.concat(chunks)
  const complete = size <= answerMemory
  const coding = headers['content-encoding']
  const isEncoded = complete && typeof coding === 'string' && coding !== ''
  const plain = isEncoded ? decode(bytes, coding.toLowerCase(), answerMemory) : bytes
  return { status, headers, body: plain ?? bytes, complete }
}
