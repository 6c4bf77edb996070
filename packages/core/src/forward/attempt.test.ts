import http, { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { type Dispatcher, errors } from 'undici'
import { describe, expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { Backend } from '../backend/backend.ts'
import type { FailureCause } from '../backend/outcome.ts'
import { toReplayBody } from '../body/body-source.ts'
import { unclassified } from '../classify/classification.ts'
import { systemClock } from '../clock.ts'
import { resolveTimeouts } from '../config/timeouts.ts'
import { RouterError } from '../errors.ts'
import { DEFAULT_CLASSES } from '../judge/answer-classes.ts'
import { failureOf } from '../retry/failure.ts'
import { resolveExchangeOptions } from '../router/exchange-options.ts'
import type { Lease } from '../routing/lease.ts'
import { Attempt } from './attempt.ts'
import type { AttemptPlan } from './forward-request.ts'
import { directTransport } from './transport.ts'

const backend = new Backend('gpu', { url: 'http://gpu', weight: 1 })
const plan: AttemptPlan = {
  lease: { backend, timeouts: resolveTimeouts() } as unknown as Lease,
  hedge: false,
  look: { after: Number.POSITIVE_INFINITY, again: () => Number.POSITIVE_INFINITY },
  superseded: undefined,
  onCommit: () => {},
  deadline: Number.POSITIVE_INFINITY,
  headBy: Number.POSITIVE_INFINITY,
  hasNextStep: () => false,
  hasOther: () => true,
  marks: { received: 0 },
  record: (outcome) => attemptRecord(outcome),
}
const controller = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: [],
  abort() {},
  pause() {},
  resume() {},
}

/** An attempt on a backend that fails in a given way, before or after a connection was made. */
function failing(error: Error, connected: boolean, own: Partial<AttemptPlan> = {}): Attempt {
  const req = new IncomingMessage(new Socket())
  const res = new http.ServerResponse(req)
  const dispatch = (_: unknown, handler: Dispatcher.DispatchHandler) => {
    if (connected) handler.onRequestStart?.(controller, {})
    handler.onResponseError?.(controller, error)
    return true
  }
  const body = Buffer.from('x')
  const attempt = new Attempt({
    plan: { ...plan, ...own },
    clock: systemClock,
    dispatcher: { dispatch } as unknown as Dispatcher,
    body,
    request: {
      req,
      res,
      body: toReplayBody(body, { maxSize: 10 }),
      classification: unclassified('no-entries'),
      store: resolveExchangeOptions().store,
    },
    classes: DEFAULT_CLASSES,
    answerMemory: 1_000,
    addedHeaders: () => [],
  })
  directTransport.send(attempt, {})
  return attempt
}

const code = (name: string) => Object.assign(new Error(name), { code: name })

it('is not sent when another attempt was answered before it began', async () => {
  const { outcome } = await failing(code('ECONNREFUSED'), false, { superseded: AbortSignal.abort() }).result
  expect(outcome).toEqual({ kind: 'superseded', reachedBackend: false, reachedClient: false })
})

describe('a failure of the backend', () => {
  it.each<[Error, boolean, FailureCause, number]>([
    [code('ECONNREFUSED'), false, 'connect', 502],
    [code('ENOTFOUND'), false, 'connect', 502],
    [new errors.ConnectTimeoutError(), false, 'connect-timeout', 504],
    [new errors.HeadersTimeoutError(), true, 'response-timeout', 504],
    [new errors.BodyTimeoutError(), true, 'idle-timeout', 504],
    [new errors.SocketError('other side closed'), true, 'reset', 502],
    [code('ECONNRESET'), true, 'reset', 502],
    [code('EPIPE'), true, 'reset', 502],
    [new errors.HTTPParserError('Invalid header'), true, 'protocol', 502],
  ])('%s, connected: %s, is %s and %i', async (error, connected, cause, status) => {
    const { outcome } = await failing(error, connected).result
    expect(outcome).toMatchObject({
      kind: 'failed',
      cause,
      error,
      reachedBackend: connected,
      reachedClient: false,
    })
    const failure = failureOf([attemptRecord(outcome)])
    expect(failure).toBeInstanceOf(RouterError)
    expect(failure).toMatchObject({ status, message: expect.stringContaining(`"gpu"`), cause: error })
  })

  it('is settled once, whatever comes after it', async () => {
    const attempt = failing(code('ECONNRESET'), true)
    attempt.fail(code('EPIPE'))
    attempt.onResponseEnd(controller)
    expect((await attempt.result).outcome).toMatchObject({ error: { code: 'ECONNRESET' } })
  })
})
