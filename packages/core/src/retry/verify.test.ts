import { describe, expect, it } from 'vitest'
import { answered, failed, passedOver } from '../../../../test/support/outcomes.ts'
import { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import { type CanaryResult, UNKNOWN } from '../canary/canary.ts'
import type { Lease } from '../routing/lease.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { sendVerified } from './verify.ts'

const PASSED: CanaryResult = { kind: 'passed' }
const BROKEN: CanaryResult = { kind: 'failed', scope: 'type', reason: 'answered 500' }
const REFUSED = passedOver(422, '{"detail":"Invalid request format."}')

interface Scene {
  readonly outcomes: readonly Outcome[]
  readonly canary?: CanaryResult
  readonly trial?: boolean
  readonly isPoison?: boolean
  /** Other requests in flight, each of which ends when a request is repeated. */
  readonly others?: number
}

/** What became of an attempt: its outcome, how often it was sent, and how often its backend was asked. */
async function attempt({ outcomes, canary = UNKNOWN, trial = false, isPoison = false, others = 0 }: Scene) {
  const clock = new FakeClock()
  const backend = new Backend('gpu', { url: 'http://gpu', weight: 1, maxConcurrent: 8, clock })
  const slots = Array.from({ length: others }, () => backend.reserve())
  const { release } = backend.reserve()
  const left = [...outcomes]
  let sent = 0
  let asked = 0
  const inFlight: number[] = []
  const { outcome } = await sendVerified(
    { backend, trial } as Lease,
    {
      clock,
      retained: () => true,
      ask: async () => {
        asked++
        return canary
      },
      pause: async () => {},
      repeat: async (_, most) => {
        const repeat = backend.limit.repeat(most)
        while (backend.inFlight > most) slots.pop()?.release(answered)
        await repeat.ready
        inFlight.push(backend.inFlight)
        return repeat
      },
      send: async () => {
        sent++
        return { outcome: left.shift() ?? answered, answer: undefined }
      },
    },
    isPoison,
  )
  release(outcome)
  const limit = backend.limit.current
  return { outcome, sent, asked, inFlight, limit, isFree: backend.limit.hasSlot(false) }
}

describe('a failure that may be the job’s', () => {
  it.each([
    [passedOver(500), PASSED, { kind: 'job' }],
    [passedOver(500), BROKEN, { kind: 'fault', scope: 'type', certain: true }],
    [passedOver(500), { ...BROKEN, scope: 'entries' }, { kind: 'fault', scope: 'entries' }],
    [passedOver(500), UNKNOWN, { kind: 'undecided' }],
    [REFUSED, PASSED, { kind: 'job' }],
    [REFUSED, BROKEN, { kind: 'lacks', what: 'exact' }],
  ] as const)('%j, canary %j: %j', async (first, canary, verdict) => {
    const { outcome, asked, isFree } = await attempt({ outcomes: [first, first], canary })
    expect([asked, isFree]).toEqual([1, true])
    expect(outcome).toMatchObject({ kind: 'passed-over', verdict })
  })

  it('is the backend’s when it came by chance, and the request is answered the second time', async () => {
    const result = await attempt({ outcomes: [passedOver(500), answered], canary: PASSED })
    expect(result).toMatchObject({ outcome: answered, sent: 2, asked: 1, limit: 8 })
  })

  it.each([answered, passedOver(503), failed('reset')])('is not %j', async (outcome) => {
    const result = await attempt({ outcomes: [outcome], canary: PASSED })
    expect([result.outcome, result.asked]).toEqual([outcome, 0])
  })

  it('while others are in flight is sent again with half as many, and what works is the limit', async () => {
    const result = await attempt({ outcomes: [passedOver(500), passedOver(500), answered], others: 7 })
    expect(result).toMatchObject({ outcome: answered, sent: 3, asked: 1, limit: 2 })
  })

  it('is decided by a canary once it has failed alone, and then lowers no limit', async () => {
    const outcomes = Array(4).fill(passedOver(500))
    const result = await attempt({ outcomes, canary: BROKEN, others: 3 })
    expect(result).toMatchObject({ sent: 3, asked: 2, limit: 8, isFree: true })
    expect(result.outcome).toMatchObject({ verdict: { kind: 'fault' } })
  })

  it('is decided by a canary that passes with as many in flight', async () => {
    const outcomes = Array(4).fill(passedOver(500))
    const result = await attempt({ outcomes, canary: PASSED, others: 3 })
    expect(result).toMatchObject({ sent: 2, asked: 1, limit: 8, isFree: true })
    expect(result.outcome).toMatchObject({ verdict: { kind: 'job' } })
  })
})

describe('a backend that was ejected', () => {
  it('gets the request only after a canary', async () => {
    expect(await attempt({ outcomes: [answered], canary: PASSED, trial: true })).toMatchObject({
      outcome: answered,
      sent: 1,
      asked: 1,
    })
    expect(await attempt({ outcomes: [], canary: BROKEN, trial: true })).toMatchObject({
      outcome: { kind: 'failed', cause: 'canary', reachedBackend: false, verdict: { scope: 'type' } },
      sent: 0,
    })
    const away: CanaryResult = { kind: 'failed', scope: 'unreachable', reason: 'ECONNREFUSED' }
    expect(await attempt({ outcomes: [], canary: away, trial: true })).toMatchObject({
      outcome: { kind: 'failed', cause: 'connect', reachedBackend: false },
      sent: 0,
    })
  })

  it('gets the request itself where no canary can be sent', async () => {
    expect(await attempt({ outcomes: [answered], trial: true })).toMatchObject({ outcome: answered, sent: 1 })
  })
})

describe('a request that killed backends', () => {
  it('is not sent to one that works', async () => {
    expect(await attempt({ outcomes: [], canary: PASSED, isPoison: true })).toMatchObject({
      outcome: { kind: 'failed', cause: 'poison' },
      sent: 0,
    })
    expect(await attempt({ outcomes: [answered], isPoison: true })).toMatchObject({ sent: 1 })
  })
})
