import { expect, it } from 'vitest'
import { answered, answeredWith, failed } from '../../../../../test/support/outcomes.ts'
import type { Outcome } from '../outcome.ts'
import { evidenceOf, isUndecided } from './evidence.ts'

it.each<[string, Outcome | undefined, string]>([
  ['a good answer', answered, 'good'],
  ['a slot that was released without an outcome', undefined, 'nothing'],
  ['a refused connection', failed('connect'), 'unreachable'],
  ['the end of the total timeout', failed('total-timeout'), 'nothing'],
  ['a shutdown', failed('shutdown'), 'nothing'],
  ['429', answeredWith(429), 'busy'],
])('%s is evidence: %#', (_, outcome, kind) => {
  expect(evidenceOf(outcome).kind).toBe(kind)
})

it('a failure after bytes reached the backend counts against the task, and not the backend', () => {
  const outcome = failed('reset')
  expect(evidenceOf({ ...outcome, reachedBackend: true } as Outcome).kind).toBe('type-failed')
})

it('a good answer needs no second opinion', () => {
  expect([isUndecided(answered), isUndecided(undefined)]).toEqual([false, false])
})
