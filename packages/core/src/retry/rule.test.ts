import { describe, expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { answered, failed, passedOver, superseded } from '../../../../test/support/outcomes.ts'
import { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { AttemptRecord } from './attempt-record.ts'
import { failureOf } from './failure.ts'
import { type Leeway, nextStep, type Step } from './rule.ts'

/** Attempts on a, b, c …; those that have others on their backend are marked. */
const made = (...outcomes: (Outcome | [Outcome, 'in company'])[]): AttemptRecord[] =>
  outcomes.map((it, i) => {
    const [outcome, company] = Array.isArray(it) ? it : [it]
    const backend = 'abcdef'[i] ?? ''
    return attemptRecord(outcome, { backend, url: `http://${backend}`, inCompany: company !== undefined })
  })

const id = (name: string) => `${name}@http://${name}`

const BACKENDS = ['a', 'b', 'c'].map((name) => new Backend(name, { url: `http://${name}`, weight: 1 }))

/** A route to a, b and c, all of them available. */
const lease = (differing: Partial<Leeway> = {}): Leeway => ({
  holds: true,
  bulk: true,
  retries: 3,
  backend: { target: { isLeaving: false } },
  left: (tried) => ['a', 'b', 'c'].filter((name) => !tried.includes(id(name))).length,
  usableOthers: (tried) => BACKENDS.filter((backend) => !tried.includes(backend.id)),
  isRefusedByAll: () => false,
  isCredible: () => true,
  ...differing,
})
/** The same, with no other candidate. */
const alone = (differing: Partial<Leeway> = {}) =>
  lease({ usableOthers: () => [], left: () => 0, ...differing })
const text = (step: Step) =>
  step.kind === 'answer' ? (step.isConfirmed ? 'answer (confirmed)' : 'answer') : step.kind
const refusal = passedOver(422, '{"detail":"Invalid request format."}')

describe('a bulk job that may be held', () => {
  it.each<[string, AttemptRecord[], string]>([
    ['was answered', made(answered), 'stop'],
    ['was answered by a copy', made(superseded, answered), 'stop'],
    ['broke off in the middle of its answer', made({ ...failed('reset'), reachedClient: true }), 'stop'],
    ['lost its client', made({ ...superseded, kind: 'client-left' }), 'stop'],
    ['met a stale connection', made(failed('stale')), 'same'],
    ['met a second stale connection', made(failed('stale'), failed('stale')), 'another'],
    ['met a login page', made(passedOver(302)), 'another'],
    ['met no ML server at all', made(passedOver(401), passedOver(404), passedOver(530)), 'next-round'],
    ['failed once', made(passedOver(500)), 'another'],
    ['failed on two candidates', made(passedOver(500), passedOver(500)), 'answer (confirmed)'],
    ['failed on one and was refused by another', made(passedOver(500), refusal), 'answer (confirmed)'],
    ['failed on one, and met a login page', made(passedOver(500), passedOver(200, '<html>')), 'another'],
    ['was refused', made(refusal), 'another'],
    ['was refused twice', made(refusal, refusal), 'answer (confirmed)'],
    ['killed two backends', made(failed('reset'), failed('reset')), 'next-round'],
    [
      'killed two with others',
      made([failed('reset'), 'in company'], [failed('reset'), 'in company']),
      'another',
    ],
    ['timed out in total', made(failed('total-timeout')), 'next-round'],
    ['met busy backends alone', made(...Array(3).fill(passedOver(429))), 'next-round'],
  ])('%s', (_, attempts, step) => {
    expect(text(nextStep(attempts, lease(), true))).toBe(step)
  })

  it('is never answered by running out of retries', () => {
    const attempts = made(...Array(5).fill(passedOver(502)))
    expect(text(nextStep(attempts, lease({ usableOthers: () => BACKENDS.slice(0, 1) }), true))).toBe(
      'next-round',
    )
  })

  it('is asked for once more where no second opinion is to be had, and then answered with its 500', () => {
    expect(nextStep(made(passedOver(500)), alone(), true)).toMatchObject({ kind: 'another', exclude: [] })
    const [first] = made(passedOver(500))
    expect(
      text(
        nextStep(
          [first, first].flatMap((it) => it ?? []),
          alone(),
          true,
        ),
      ),
    ).toBe('answer')
  })

  it('is answered with its own refusal where no second opinion is to be had', () => {
    expect(text(nextStep(made(refusal), alone(), true))).toBe('answer')
  })

  it('waits for a second opinion where a backend that has never served such jobs is the only available one', () => {
    const unknown = alone({ isCredible: () => false })
    expect(text(nextStep(made(refusal), unknown, true))).toBe('next-round')
    const [first] = made(passedOver(500))
    expect(
      text(
        nextStep(
          [first, first].flatMap((it) => it ?? []),
          unknown,
          true,
        ),
      ),
    ).toBe('next-round')
    expect(text(nextStep(made(refusal), alone({ isCredible: () => false, bulk: false }), true))).toBe(
      'answer',
    )
  })

  it('is answered when every candidate refuses such jobs', () => {
    const refused = lease({ isRefusedByAll: () => true })
    expect(text(nextStep(made(passedOver(501)), refused, true))).toBe('answer')
    expect(text(nextStep(made(passedOver(501)), alone(), true))).toBe('next-round')
  })

  it('excludes what has answered, and avoids what was away', () => {
    expect(nextStep(made(failed('connect'), passedOver(401)), lease(), true)).toEqual({
      kind: 'another',
      exclude: [id('b')],
      avoid: [id('a'), id('b')],
    })
  })

  it('is answered when its body is not retained', () => {
    expect(text(nextStep(made(passedOver(401)), lease(), false))).toBe('answer')
  })
})

describe('a search that may be held', () => {
  it.each<[string, AttemptRecord[], string]>([
    ['met a login page', made(passedOver(302)), 'another'],
    ['met no ML server at all', made(passedOver(401), passedOver(404), passedOver(530)), 'next-round'],
    ['killed two backends', made(failed('reset'), failed('reset')), 'answer'],
    ['ran out of retries', made(...Array(4).fill(passedOver(502))), 'answer'],
    ['timed out in total', made(failed('total-timeout')), 'answer'],
  ])('%s', (_, attempts, step) => {
    expect(text(nextStep(attempts, lease({ bulk: false }), true))).toBe(step)
  })
})

describe('a request that may not be held', () => {
  const now = (differing: Partial<Leeway> = {}) => lease({ holds: false, ...differing })

  it.each<[string, AttemptRecord[], string]>([
    ['failed on two', made(passedOver(502), failed('connect')), 'another'],
    ['timed out on two', made(failed('response-timeout'), failed('response-timeout')), 'answer'],
    ['broke one connection', made(failed('reset'), passedOver(503)), 'another'],
    ['broke two connections', made(failed('reset'), failed('reset')), 'answer'],
    ['failed everywhere', made(passedOver(401), passedOver(502), failed('connect')), 'answer'],
    ['is at fault itself', made(passedOver(500), passedOver(500)), 'answer (confirmed)'],
    ['met a stale connection last', made(passedOver(502), failed('stale')), 'same'],
  ])('%s', (_, attempts, step) => {
    expect(text(nextStep(attempts, now(), true))).toBe(step)
  })

  it('goes elsewhere when a stale connection led to a backend that leaves the policy', () => {
    expect(
      text(nextStep(made(failed('stale')), now({ backend: { target: { isLeaving: true } } }), true)),
    ).toBe('another')
  })

  it('is answered with the first failure when it has no retries', () => {
    expect(text(nextStep(made(passedOver(502)), now({ retries: 0 }), true))).toBe('answer')
  })

  it('is sure that it kills backends when two copies at once do', () => {
    const attempts = made([failed('reset'), 'in company'], [failed('reset'), 'in company'])
    expect([nextStep(attempts, now(), true), nextStep(attempts, now(), true, 2)].map(text)).toEqual([
      'another',
      'answer',
    ])
  })
})

describe('what the client is told', () => {
  it('names every attempt', () => {
    expect(failureOf(made(passedOver(401), failed('reset')))).toMatchObject({
      status: 502,
      message:
        'No backend could answer: "a" answered 401 Unauthorized: set backends.gpu.auth, "b" failed (reset).',
    })
  })

  it('is nothing when one of them was answered', () => {
    expect(failureOf(made(superseded, answered))).toBeUndefined()
  })
})
