import type { IncomingMessage, ServerResponse } from 'node:http'
import { RouterError } from '../errors.ts'
import type { Exchange } from './exchange.ts'
import type { RequestEvent } from './router.ts'

/** A completed request. Times are on the clock. */
export interface HandledRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly client: string | undefined
  /** `undefined` when the request ended before it was classified. */
  readonly exchange: Exchange | undefined
  readonly route: string | undefined
  /** The error that ended it. */
  readonly failure: Error | undefined
  readonly start: number
  readonly classified: number | undefined
  /** When its backend was chosen. */
  readonly sent: number | undefined
  readonly ended: number
}

/** The status that the client got, if it got one. */
function statusOf({ res, exchange, failure }: HandledRequest): number | undefined {
  if (res.writableFinished || exchange?.outcome?.reachedClient === true) return res.statusCode
  // A client that has the whole refusal may leave while the router still reads its upload.
  const isRefused = failure instanceof RouterError && res.headersSent && res.statusCode === failure.status
  return isRefused ? res.statusCode : undefined
}

/** The `request` event. */
export function toRequestEvent(handled: HandledRequest): RequestEvent {
  const { req, res, client, exchange, route, failure, start, classified, sent, ended } = handled
  const outcome = exchange?.outcome
  const last = exchange?.attempts.at(-1)
  const answered = last?.outcome.reachedClient === true ? last : undefined
  return {
    req,
    res,
    client,
    classification: exchange?.classification,
    route,
    backend: exchange?.lease?.backend,
    attempts: exchange?.attempts ?? [],
    outcome,
    error: failure ?? (outcome && 'error' in outcome ? outcome.error : undefined),
    status: statusOf(handled),
    retained: exchange?.retained ?? true,
    bodySize: exchange?.body.size ?? 0,
    responseSize: answered?.received ?? 0,
    heartbeats: exchange?.heartbeats ?? 0,
    start,
    steps: {
      classify: classified === undefined ? undefined : classified - start,
      queue: exchange?.waited.full ?? 0,
      hold: exchange?.waited.unavailable ?? 0,
      backend: sent === undefined ? undefined : ended - sent,
      firstByte: answered?.firstByte === undefined ? undefined : answered.start + answered.firstByte - start,
      total: ended - start,
    },
  }
}
