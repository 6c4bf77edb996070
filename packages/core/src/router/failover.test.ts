import { describe, expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { answered, failed, passedOver, superseded } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { AttemptRecord } from './attempt-record.ts'
import { failureOf, nextStep, triedBackends } from './failover.ts'

/** Attempts on a, b, c …; those that have others on their backend are marked. */
const made = (...outcomes: (Outcome | [Outcome, 'in company'])[]): AttemptRecord[] =>
  outcomes.map((it, i) => {
    const [outcome, company] = Array.isArray(it) ? it : [it]
    const backend = 'abcdef'[i] ?? ''
    const url = `http://${backend}`
    return attemptRecord(outcome, { backend, url, inCompany: company !== undefined, hedge: i > 0 })
  })
/** A route to a, b and c. */
const lease = (holds = false, leaving = false) => ({
  holds,
  retries: 3,
  backend: { leaving },
  left: (tried: readonly string[]) =>
    ['a', 'b', 'c'].filter((name) => !tried.includes(`${name}@http://${name}`)).length,
})

describe('after two copies at once', () => {
  it.each<[string, AttemptRecord[], ReturnType<typeof nextStep>]>([
    ['both failed', made(passedOver(500), failed('connect')), 'another'],
    ['both by timeout', made(failed('response-timeout'), failed('response-timeout')), 'another'],
    ['one broke its connection', made(failed('reset'), passedOver(503)), 'another'],
    ['both broke their connections', made(failed('reset'), failed('reset')), 'stop'],
    [
      'both broke their connections, and others with them',
      made([failed('reset'), 'in company'], [failed('reset'), 'in company']),
      'stop',
    ],
    ['one won', made(superseded, answered), 'stop'],
    ['one won, and broke off', made(superseded, { ...failed('reset'), reachedClient: true }), 'stop'],
    ['the client left', made(superseded, { ...superseded, kind: 'client-left' }), 'stop'],
    ['the last was stale', made(passedOver(500), failed('stale')), 'same'],
    ['nobody is left', made(passedOver(500), passedOver(500), passedOver(500)), 'stop'],
  ])('%s', (_, attempts, step) => {
    expect(nextStep(attempts, lease(), true, 2)).toBe(step)
  })

  it('two that broke one after the other, in company, are not sure yet', () => {
    const attempts = made([failed('reset'), 'in company'], [failed('reset'), 'in company'])
    expect([nextStep(attempts, lease(), true), nextStep(attempts, lease(), true, 2)]).toEqual([
      'another',
      'stop',
    ])
  })

  it('where requests wait, one that was away may be tried again, whichever it was', () => {
    for (const attempts of [
      made(failed('connect'), passedOver(500)),
      made(passedOver(500), failed('connect')),
    ]) {
      const [away] = attempts.filter(({ outcome }) => outcome.kind === 'failed')
      const [other] = attempts.filter(({ outcome }) => outcome.kind !== 'failed')
      expect(nextStep(attempts, lease(true), true, 2)).toBe('another')
      expect(triedBackends(attempts, lease(true))).toMatchObject({
        exclude: [`${other?.backend}@${other?.url}`],
      })
      expect(away?.backend).not.toBe(other?.backend)
    }
  })
})

describe('what the client is told', () => {
  it('names every copy', () => {
    const failure = failureOf(made(passedOver(500), failed('reset')))
    expect(failure).toMatchObject({
      status: 502,
      message: 'No backend could answer: "a" answered 500, "b" failed (reset).',
    })
  })

  it('is nothing when one of them was answered', () => {
    expect(failureOf(made(superseded, answered))).toBeUndefined()
  })
})

describe('after a stale connection', () => {
  it.each<[string, boolean, AttemptRecord[], ReturnType<typeof nextStep>]>([
    ['the same backend is tried once more', false, made(failed('stale')), 'same'],
    ['another is, when that is in the policy no more', true, made(failed('stale')), 'another'],
  ])('%s', (_, leaving, attempts, step) => {
    expect(nextStep(attempts, lease(false, leaving), true)).toBe(step)
  })
})
