import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { classified } from '../../../../test/support/classifications.ts'
import { answered, passedOver } from '../../../../test/support/outcomes.ts'
import { NoBackendError } from '../errors.ts'
import { NO_HEAD } from '../incoming-message.ts'
import type { ActiveRequest } from './active-requests.ts'
import type { Exchange } from './exchange.ts'
import { toRequestEvent } from './request-event.ts'

function active(differences: Partial<ActiveRequest> = {}): ActiveRequest {
  const req = new IncomingMessage(new Socket())
  return {
    req,
    res: new ServerResponse(req),
    head: { ...NO_HEAD, client: '10.0.0.9' },
    start: 100,
    ...differences,
  }
}

const record = attemptRecord({ ...answered, reachedClient: true }, { start: 110, firstByte: 20, received: 7 })

function exchangeOf(attempts: readonly (typeof record)[]): Exchange {
  return {
    classification: classified('text', 'clip/textual'),
    route: 'search',
    lease: { backend: { name: 'gpu', url: 'http://gpu', endpoint: undefined } },
    attempts,
    outcome: attempts.at(-1)?.outcome,
    body: { givenUp: true, size: 321 },
    heartbeats: 2,
    waited: { full: 4, unavailable: 6 },
  } as unknown as Exchange
}

it('has the times of a request that a backend answered', () => {
  const request = active({ exchange: exchangeOf([record]), classified: 103, sent: 109 })
  expect(toRequestEvent(request, 150)).toMatchObject({
    client: '10.0.0.9',
    route: 'search',
    backend: { name: 'gpu' },
    attempts: [record],
    status: 200,
    error: undefined,
    retained: false,
    bodySize: 321,
    responseSize: 7,
    heartbeats: 2,
    start: 100,
    steps: { classify: 3, queue: 4, hold: 6, backend: 41, firstByte: 30, total: 50 },
  })
})

it('has no bytes of an answer that did not reach the client', () => {
  const passed = attemptRecord(passedOver(503), { start: 110, firstByte: 20, received: 7 })
  const { responseSize, steps, status } = toRequestEvent(active({ exchange: exchangeOf([passed]) }), 150)
  expect([responseSize, steps.firstByte, status]).toEqual([0, undefined, undefined])
})

it('has the refusal of a request that was never classified', () => {
  const failure = new NoBackendError('search', 'gpu is excluded')
  const request = active({ failure })
  expect(toRequestEvent(request, 101)).toMatchObject({
    classification: undefined,
    route: undefined,
    error: failure,
    status: undefined,
    retained: true,
    bodySize: 0,
    attempts: [],
    steps: { classify: undefined, queue: 0, hold: 0, backend: undefined, total: 1 },
  })
  request.res.statusCode = 503
  request.res.flushHeaders()
  expect(toRequestEvent(request, 101).status).toBe(503)
})
