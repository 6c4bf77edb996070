import { describe, expect, it } from 'vitest'
import {
  answered,
  answeredWith,
  clientLeft,
  failed,
  passedOver,
} from '../../../../../test/support/outcomes.ts'
import type { Outcome } from '../outcome.ts'
import { type Evidence, evidenceOf, isUndecided } from './evidence.ts'

describe('what an outcome says about a backend', () => {
  it.each<[Outcome | undefined, Evidence['kind']]>([
    [answered, 'good'],
    [answeredWith(503), 'type-failed'],
    [passedOver(503), 'type-failed'],
    [passedOver(503, '', { 'retry-after': '3' }), 'busy'],
    [passedOver(429), 'busy'],
    [answeredWith(429), 'busy'],
    [passedOver(501), 'lacks'],
    [passedOver(422, '{"detail":"unknown task"}'), 'lacks'],
    [passedOver(401), 'backend-failed'],
    [passedOver(302), 'backend-failed'],
    [passedOver(200, '<html>'), 'backend-failed'],
    [passedOver(413), 'too-large'],
    [passedOver(500), 'undecided'],
    [passedOver(422, '{"detail":"Invalid request format."}'), 'undecided'],
    [failed('stale'), 'nothing'],
    [failed('connect'), 'unreachable'],
    [failed('connect-timeout'), 'unreachable'],
    [failed('response-timeout'), 'type-failed'],
    [failed('reset'), 'type-failed'],
    [failed('total-timeout'), 'nothing'],
    [failed('shutdown'), 'nothing'],
    [clientLeft, 'nothing'],
    [undefined, 'nothing'],
  ])('%j: %s', (outcome, kind) => {
    expect(evidenceOf(outcome).kind).toBe(kind)
  })
})

it('a good answer needs no second opinion', () => {
  expect([isUndecided(answered), isUndecided(undefined)]).toEqual([false, false])
})
