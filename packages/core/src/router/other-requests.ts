import type { IncomingMessage, ServerResponse } from 'node:http'
import { RouterError } from '../errors.ts'
import { pathBelow } from '../incoming-message.ts'
import { answer, answerError } from './answers.ts'

/** How requests that are no predict requests are answered. */
interface OtherRequests {
  /** Without a trailing slash. */
  readonly basePaths: readonly string[]
  /** Answers `GET /ping`. */
  readonly ping: () => Promise<void>
  /** Called for what is not a request to an ML server. */
  readonly next: (() => unknown) | undefined
}

/** Answers a request that is no predict request. */
export async function answerOther(
  req: IncomingMessage,
  res: ServerResponse,
  { basePaths, ping, next }: OtherRequests,
): Promise<void> {
  const paths = basePaths.map((base) => pathBelow(base, req))
  const asks = req.method === 'GET' || req.method === 'HEAD'
  if (asks && paths.includes('/ping')) return ping()
  if (asks && paths.includes('/')) return answer(res, 200, { message: 'Immich ML' })
  if (next === undefined) return answerError(res, new RouterError('not-found', 'Not Found'))
  await next()
}
