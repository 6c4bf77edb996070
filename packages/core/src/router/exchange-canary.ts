import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { Repeat } from '../backend/limit/memory-limit.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import { type CanaryResult, UNKNOWN } from '../canary/canary.ts'
import { hasResult, LARGEST_SAMPLE, type Sample } from '../canary/samples.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { Select } from './select-backend.ts'

/** A request as canaries see it. */
interface SampledRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  readonly classification: Classification
}

/**
 * Asks the backend on which a request has failed whether it works.
 *
 * @param longest How long that may take, in milliseconds; after it, and once the client has left, nothing is known.
 */
export function askCanary(
  select: Select | undefined,
  backend: Backend,
  { req, res, classification }: SampledRequest,
  longest: number,
): Promise<CanaryResult> {
  if (select === undefined || res.destroyed) return Promise.resolve(UNKNOWN)
  const { result, leave } = select.canaries.check(backend, classification, req.headers)
  return until(result, { res, clock: select.clock, longest, otherwise: UNKNOWN }).finally(leave)
}

/** Waits until canaries on a backend have not taken too much of its time, the client has left, or the router drains. */
export function pauseCanaries(
  select: Select | undefined,
  { health }: Backend,
  res: ServerResponse,
): Promise<void> {
  const longest = health.canary.pause
  if (select === undefined || longest === 0 || res.destroyed || select.stopping.aborted)
    return Promise.resolve()
  const { promise: stopping, resolve } = Promise.withResolvers<void>()
  const onStop = () => resolve()
  select.stopping.addEventListener('abort', onStop)
  return until(stopping, { res, clock: select.clock, longest, otherwise: undefined }).finally(() =>
    select.stopping.removeEventListener('abort', onStop),
  )
}

/** The longest wait for other requests on a backend, in milliseconds: one may be frozen, or its client slow. */
const LONGEST_DRAIN = 2_000

/** Waits until at most so many requests are in flight on a backend, for 2 s at most, or the client has left. */
export async function repeatOn(
  select: Select | undefined,
  backend: Backend,
  most: number,
  res: ServerResponse,
): Promise<Repeat> {
  const repeat = backend.limit.repeat(most)
  if (select !== undefined && !res.destroyed) {
    const isReady = repeat.ready.then(() => true)
    const wait = { res, clock: select.clock, longest: LONGEST_DRAIN, otherwise: false }
    if (!(await until(isReady, wait))) repeat.force()
  }
  return repeat
}

interface Wait<T> {
  readonly res: ServerResponse
  readonly clock: Clock
  /** In milliseconds. */
  readonly longest: number
  readonly otherwise: T
}

/** What a promise resolves to, or another value after a time or once the client has left. */
function until<T>(promise: Promise<T>, { res, clock, longest, otherwise }: Wait<T>): Promise<T> {
  return new Promise((resolve) => {
    const end = (value: T) => {
      cancel?.()
      res.off('close', onClose)
      resolve(value)
    }
    const onClose = () => end(otherwise)
    const cancel = Number.isFinite(longest) ? clock.after(longest, onClose) : undefined
    res.once('close', onClose)
    promise.then(end)
  })
}

/** A request that was answered well, if it is fit for canaries: small, plain, and with a result. */
export function sampleOf({ req, body, classification }: SampledRequest, answer: Buffer): Sample | undefined {
  const { 'content-type': contentType, 'content-encoding': coding } = req.headers
  const { complete, size } = body
  if (!complete || size > LARGEST_SAMPLE || contentType === undefined || coding !== undefined)
    return undefined
  return hasResult(answer, classification.tasks) ? { body: body.beginning(size), contentType } : undefined
}
