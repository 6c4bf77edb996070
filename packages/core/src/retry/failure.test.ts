import { expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { answered, failed, passedOver, superseded } from '../../../../test/support/outcomes.ts'
import { BodyFailedError } from '../errors.ts'
import { failureOf } from './failure.ts'

it('names every attempt, and the address of a backend that has several', () => {
  const attempts = [
    attemptRecord(failed('connect')),
    attemptRecord(passedOver(502), { backend: 'nas', endpoint: '10.0.0.3:3003' }),
  ]
  const failure = failureOf(attempts)
  expect(failure).toMatchObject({ code: 'backend-failed', status: 502 })
  expect(failure?.message).toMatch(/^No backend could answer: "gpu" .+, "nas" at 10\.0\.0\.3:3003 .+\.$/)
})

it('is a timeout only when every attempt timed out', () => {
  const late = attemptRecord(failed('response-timeout'))
  expect(failureOf([late, late])).toMatchObject({ code: 'backend-timeout', status: 504 })
  expect(failureOf([attemptRecord(failed('reset')), late])).toMatchObject({ code: 'backend-failed' })
})

it('says when the retry budget is exhausted', () => {
  expect(failureOf([attemptRecord(failed('reset'))], true)?.message).toContain('retry budget exhausted')
})

it('is the error of the body, or of the router that closes', () => {
  const error = new BodyFailedError(new Error('cut'))
  const body = attemptRecord({ kind: 'body-failed', error, reachedBackend: true, reachedClient: false })
  expect(failureOf([body])).toBe(error)
  expect(failureOf([attemptRecord(failed('shutdown'))])).toMatchObject({ code: 'router-closed' })
})

it('is nothing for a client that has its answer or has left', () => {
  const left = attemptRecord({ kind: 'client-left', reachedBackend: true, reachedClient: false })
  for (const attempts of [[], [left], [attemptRecord(answered)], [attemptRecord(superseded)]])
    expect(failureOf(attempts)).toBeUndefined()
})
