import { RouterError } from '../errors.ts'
import type { ActiveRequest } from './active-requests.ts'
import type { RequestEvent } from './router.ts'

/** The status that the client got, if it got one. */
function statusOf({ res, exchange, failure }: ActiveRequest): number | undefined {
  if (res.writableFinished || exchange?.outcome?.reachedClient === true) return res.statusCode
  // A client that has the whole refusal may leave while the router still reads its upload.
  const isRefused = failure instanceof RouterError && res.headersSent && res.statusCode === failure.status
  return isRefused ? res.statusCode : undefined
}

/** The `request` event of a request that ended at a time of the clock. */
export function toRequestEvent(request: ActiveRequest, ended: number): RequestEvent {
  const { req, res, head, exchange, failure, start, classified, sent, saved } = request
  const cached = saved?.given
  const outcome = exchange?.outcome
  const last = exchange?.attempts.at(-1)
  const answered = last?.outcome.reachedClient === true ? last : undefined
  return {
    req,
    res,
    client: head.client,
    tenant: exchange?.tenant,
    classification: exchange?.classification,
    route: exchange?.route,
    backend: exchange?.lease?.backend,
    attempts: exchange?.attempts ?? [],
    outcome,
    cached,
    parts: exchange?.parts,
    error: failure ?? (cached === undefined && outcome && 'error' in outcome ? outcome.error : undefined),
    status: statusOf(request),
    retained: exchange?.body.givenUp !== true,
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
