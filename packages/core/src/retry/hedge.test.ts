import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { answered, passedOver, superseded } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import { selectBackend } from '../router/select-backend.ts'
import { jobNames } from '../routing/jobs.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Budget } from './budget.ts'
import { type HedgedAttempt, type HedgedRequest, type HedgedResult, sendHedged } from './hedge.ts'

const dropped = passedOver(500)

const search = classified('text', 'clip/textual')

interface RunningAttempt extends HedgedAttempt {
  readonly end: (outcome: Outcome) => void
  readonly fail: (error: Error) => void
}

/**
 * A request over backends a, b, c and d, late after 100 ms, whose attempts end as they are told to.
 *
 * @param isWarm Whether every backend has just done such a request.
 */
async function start(max: number, options: Partial<HedgedRequest> = {}, isWarm = false) {
  const clock = new FakeClock()
  const names = ['a', 'b', 'c', 'd']
  const select = selectBackend(
    {
      backends: Object.fromEntries(names.map((name) => [name, { url: `http://${name}` }])),
      routes: [{ backends: names, ...(max === 0 ? {} : { hedge: { after: 100, max } }) }],
    },
    { clock },
  )
  if (isWarm) for (const { latency } of select.backends()) latency.observe(jobNames(search).kind, 10)
  const attempts: RunningAttempt[] = []
  const request: HedgedRequest = {
    clock,
    budget: new Budget(clock, { share: 1, window: 1_000, least: 10 }),
    tried: [],
    canHedge: () => true,
    attempt: (attempt) =>
      new Promise((end, fail) => {
        // As an attempt does: it ends once, and when it is aborted.
        attempt.superseded?.addEventListener('abort', () => end(superseded))
        attempts.push({ ...attempt, end, fail })
      }),
    ...options,
  }
  const finishes: (HedgedResult | Error)[] = []
  const over = sendHedged(await select(search), request).then(
    (finish) => finishes.push(finish),
    (error: Error) => finishes.push(error),
  )
  /** Lets everything happen that is going to by itself. */
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }
  const inFlight = () =>
    select
      .backends()
      .flatMap(({ name, inFlight }) => Array(inFlight).fill(name))
      .join('')
  const sent = () => attempts.map(({ lease }) => lease.backend.name).join('')
  return { clock, select, attempts, finishes, over, settle, inFlight, sent }
}

describe('a hedged request', () => {
  it('without hedge is one attempt, and sets no timer while its model may have to be loaded', async () => {
    const { clock, attempts, over, finishes, inFlight } = await start(0)
    expect([clock.pending, attempts[0]?.hedge]).toEqual([0, false])
    attempts[0]?.end(answered)
    await over
    expect(finishes).toMatchObject([{ outcome: answered, attempts: 1 }])
    // It is for its owner to say whether the same backend gets it once more.
    expect(inFlight()).toBe('a')
  })

  it('without hedge gets a copy after 2 s, when the model is loaded there and a person waits', async () => {
    const { clock, sent } = await start(0, {}, true)
    clock.advance(2_099)
    expect(sent().length).toBe(1)
    clock.advance(1)
    expect(new Set(sent()).size).toBe(2)
    clock.advance(10_000)
    expect(sent().length).toBe(2)
  })

  it('sends a hedge when the first is late, and up to max, each as much later', async () => {
    const { clock, sent } = await start(2)
    clock.advance(99)
    expect(sent()).toBe('a')
    clock.advance(1)
    expect(sent()).toBe('ab')
    clock.advance(99)
    expect(sent()).toBe('ab')
    clock.advance(1_000)
    expect([sent(), clock.pending]).toEqual(['abc', 0])
  })

  it('is won by the first that commits: the others are aborted, and their slots are free at once', async () => {
    const { clock, attempts, over, finishes, settle, inFlight } = await start(2)
    clock.advance(200)
    expect([inFlight(), attempts.map(({ hedge }) => hedge)]).toEqual(['abc', [false, true, true]])
    attempts[1]?.onCommit()
    await settle()
    expect(attempts.map(({ superseded: signal }) => signal?.aborted)).toEqual([true, false, true])
    expect([inFlight(), finishes.length, clock.pending]).toEqual(['b', 0, 0])
    attempts[1]?.end(answered)
    await over
    expect(finishes).toMatchObject([{ outcome: answered, attempts: 3, lease: { backend: { name: 'b' } } }])
  })

  it('sends nothing more once an answer has begun', async () => {
    const { clock, attempts, sent } = await start(1)
    attempts[0]?.onCommit()
    clock.advance(10_000)
    expect([sent(), clock.pending]).toEqual(['a', 0])
  })

  it('goes on when one fails while another is under way, and ends with the last', async () => {
    const { clock, attempts, over, finishes, settle, inFlight } = await start(1)
    clock.advance(100)
    attempts[1]?.end(dropped)
    await settle()
    expect([inFlight(), finishes.length]).toEqual(['a', 0])
    attempts[0]?.end(dropped)
    await over
    expect(finishes).toMatchObject([{ outcome: dropped, attempts: 2, lease: { backend: { name: 'a' } } }])
  })

  it('is over when the first fails before it is late', async () => {
    const { clock, attempts, over, sent } = await start(1)
    attempts[0]?.end(dropped)
    await over
    clock.advance(1_000)
    expect([sent(), clock.pending]).toEqual(['a', 0])
  })

  it.each<[string, Partial<HedgedRequest>]>([
    ['the request cannot be sent once more', { canHedge: () => false }],
    [
      'every other backend has had it before',
      { tried: ['b', 'c', 'd'].map((name) => `${name}@http://${name}`) },
    ],
    ['the budget is used up', { budget: new Budget(new FakeClock(), { share: 0, window: 1, least: 0 }) }],
  ])('sends no hedge when %s', async (_, options) => {
    const { clock, sent, inFlight } = await start(1, options)
    clock.advance(1_000)
    expect([sent(), inFlight(), clock.pending]).toEqual(['a', 'a', 0])
  })

  it('takes nothing from the budget when there is no backend for it', async () => {
    const budget = new Budget(new FakeClock(), { share: 0, window: 1, least: 1 })
    const { clock } = await start(3, {
      budget,
      tried: ['b', 'c', 'd'].map((name) => `${name}@http://${name}`),
    })
    clock.advance(1_000)
    expect(budget.allows).toBe(true)
  })

  it('fails when an attempt does that must not, and gives every slot back', async () => {
    const { clock, attempts, over, finishes, settle, inFlight } = await start(1)
    clock.advance(100)
    attempts[1]?.fail(new TypeError('a mistake'))
    await over
    await settle()
    expect([finishes, inFlight()]).toEqual([[new TypeError('a mistake')], ''])
    expect([attempts[0]?.superseded?.aborted, clock.pending]).toEqual([true, 0])
  })

  it('in whatever order things happen, has one winner at most, and keeps no slot but the last', async () => {
    const event = fc.oneof(
      fc.record({ do: fc.constant('wait' as const), time: fc.nat(150) }),
      fc.record({
        do: fc.constantFrom('commit' as const, 'drop' as const, 'break' as const),
        which: fc.nat(3),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.array(event, { maxLength: 15 }), async (max, events) => {
        const { clock, attempts, over, finishes, settle, inFlight } = await start(max)
        const running = () => attempts.filter(({ lease }) => inFlight().includes(lease.backend.name))
        const winners = new Set<HedgedAttempt>()
        for (const it of events) {
          if (finishes.length > 0) break
          if (it.do === 'wait') clock.advance(it.time)
          else {
            const attempt = running()[it.which]
            // An answer begins once, and what is aborted has none.
            if (attempt !== undefined && it.do === 'commit' && winners.size === 0) {
              winners.add(attempt)
              attempt.onCommit()
            } else attempt?.end(it.do === 'drop' ? dropped : { ...dropped, kind: 'client-left' })
          }
          await settle()
          expect(attempts.length).toBeLessThanOrEqual(1 + max)
          if (finishes.length === 0) expect(new Set(running()).size).toBe(running().length)
          if (winners.size > 0) expect(running().filter((attempt) => !winners.has(attempt))).toEqual([])
        }
        for (const attempt of running()) attempt.end(answered)
        await over
        const [finish] = finishes
        if (finish === undefined || finish instanceof Error) throw new Error('it ended otherwise')
        expect(inFlight()).toBe(finish.lease.backend.name)
        finish.lease.release(finish.outcome)
        expect([inFlight(), clock.pending]).toEqual(['', 0])
      }),
      { numRuns: 500 },
    )
  })
})
