import { describe, expect, it } from 'vitest'
import {
  answered,
  answeredWith,
  clientLeft,
  failed,
  passedOver,
} from '../../../../../test/support/outcomes.ts'
import type { Outcome } from '../outcome.ts'
import { evidenceOf, isUndecided } from './evidence.ts'

describe('what an outcome says about a backend', () => {
  it.each<[Outcome | undefined, string]>([
    [answered, 'good'],
    [answeredWith(503), 'failed type'],
    [passedOver(503), 'failed type'],
    [passedOver(503, '', { 'retry-after': '3' }), 'busy'],
    [passedOver(429), 'busy'],
    [answeredWith(429), 'busy'],
    [passedOver(501), 'lacks'],
    [passedOver(422, '{"detail":"unknown task"}'), 'lacks'],
    [passedOver(401), 'failed backend'],
    [passedOver(302), 'failed backend'],
    [passedOver(200, '<html>'), 'failed backend'],
    [passedOver(413), 'too-large'],
    [passedOver(500), 'undecided'],
    [passedOver(422, '{"detail":"Invalid request format."}'), 'undecided'],
    [failed('stale'), 'nothing'],
    [failed('connect'), 'unreachable'],
    [failed('connect-timeout'), 'unreachable'],
    [failed('response-timeout'), 'failed type'],
    [failed('reset'), 'failed type'],
    [failed('total-timeout'), 'nothing'],
    [failed('shutdown'), 'nothing'],
    [clientLeft, 'nothing'],
    [undefined, 'nothing'],
    [{ ...passedOver(500), verdict: { kind: 'job', reason: '' } }, 'works'],
    [failed('poison'), 'works'],
    [
      { ...failed('canary'), verdict: { kind: 'fault', scope: 'entries', reason: '', certain: true } },
      'failed entries',
    ],
  ])('%j: %s', (outcome, kind) => {
    const evidence = evidenceOf(outcome)
    expect(evidence.kind === 'failed' ? `failed ${evidence.scope}` : evidence.kind).toBe(kind)
  })
})

it('a good answer needs no second opinion', () => {
  expect([isUndecided(answered), isUndecided(undefined)]).toEqual([false, false])
})
