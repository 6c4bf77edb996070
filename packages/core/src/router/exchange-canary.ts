import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { Repeat } from '../backend/limit/memory-limit.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { CanaryResult } from '../canary/canary.ts'
import { hasResult, LARGEST_SAMPLE, type Sample } from '../canary/samples.ts'
import type { Classification } from '../classify/classification.ts'
import type { Canaries } from './canaries.ts'

/** A request as canaries see it. */
interface SampledRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  readonly classification: Classification
}

const UNKNOWN: CanaryResult = { kind: 'unknown' }

/** Asks the backend on which a request has failed whether it works. A client that leaves does not wait for that. */
export function askCanary(
  canaries: Canaries | undefined,
  backend: Backend,
  { res, classification }: SampledRequest,
): Promise<CanaryResult> {
  if (canaries === undefined || res.destroyed) return Promise.resolve(UNKNOWN)
  return untilClosed(res, canaries.ask(backend, classification), UNKNOWN)
}

/** Waits until at most so many requests are in flight on a backend, or the client has left. */
export async function repeatOn(backend: Backend, most: number, res: ServerResponse): Promise<Repeat> {
  const repeat = backend.limit.repeat(most)
  if (!res.destroyed) await untilClosed(res, repeat.ready, undefined)
  return repeat
}

/** What a promise resolves to, or another value once the client has left. */
async function untilClosed<T>(res: ServerResponse, promise: Promise<T>, otherwise: T): Promise<T> {
  const { promise: closed, resolve } = Promise.withResolvers<T>()
  const onClose = () => resolve(otherwise)
  res.once('close', onClose)
  return Promise.race([promise, closed]).finally(() => res.off('close', onClose))
}

/** A request that was answered well, if it is fit for canaries: small, plain, and with a result. */
export function sampleOf({ req, body, classification }: SampledRequest, answer: Buffer): Sample | undefined {
  const { 'content-type': contentType, 'content-encoding': coding } = req.headers
  const { complete, size } = body
  if (!complete || size > LARGEST_SAMPLE || contentType === undefined || coding !== undefined)
    return undefined
  return hasResult(answer, classification.tasks) ? { body: body.beginning(size), contentType } : undefined
}
