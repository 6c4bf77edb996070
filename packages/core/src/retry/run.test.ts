import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { answered, failed, passedOver } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Policy } from '../config/policy.ts'
import { selectBackend } from '../router/select-backend.ts'
import type { Lease } from '../routing/lease.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Budget } from './budget.ts'
import { type RetryRequest, run } from './run.ts'

const search = classified('text', 'clip/textual')

/** A request over backends a and b whose attempts end with these outcomes, one after the other. */
async function retried(outcomes: readonly Outcome[], policy: Partial<Policy> = {}, retries = 10) {
  const clock = new FakeClock()
  const backends = { a: { url: 'http://a' }, b: { url: 'http://b' } }
  const routes = [{ backends: ['a', 'b'], strategy: 'first' as const }]
  const select = selectBackend({ backends, routes, hold: false, health: false, ...policy }, { clock })
  const sent: string[] = []
  const dropped: string[] = []
  const left = [...outcomes]
  const request: RetryRequest<{ name: string; release(): void }> = {
    clock,
    retryBudget: new Budget(clock, { share: 0, window: 1_000, least: retries }),
    hedgeBudget: new Budget(clock, { share: 0, window: 1_000, least: 0 }),
    rescueBudget: new Budget(clock, { share: 1, window: 1_000, least: 0 }),
    retained: () => true,
    canHedge: () => true,
    select: (options) => select(search, options),
    ask: async () => ({ kind: 'unknown' }) as const,
    pause: async () => {},
    repeat: async ({ backend }: Lease, most: number) => backend.limit.repeat(most),
    send: async ({ lease }) => {
      sent.push(lease.backend.name)
      const outcome = left.shift() ?? answered
      if (outcome.kind !== 'passed-over') return { outcome, answer: undefined }
      const name = `${lease.backend.name} ${outcome.status}`
      return { outcome, answer: { name, release: () => dropped.push(name) } }
    },
    onLease: () => {},
    onAttempt: () => {},
  }
  const result = await run(request, await select(search))
  const inFlight = select.backends().reduce((sum, backend) => sum + backend.inFlight, 0)
  return { result, sent, dropped, inFlight }
}

describe('run', () => {
  it('ends with a good answer', async () => {
    const { result, sent, inFlight } = await retried([answered])
    expect([result.outcome, result.best, sent, inFlight]).toEqual([answered, undefined, ['a'], 0])
  })

  it('sends the request to the next backend when one fails, and releases every lease', async () => {
    const { result, sent, inFlight } = await retried([failed('reset'), answered])
    expect([result.outcome, sent, inFlight]).toEqual([answered, ['a', 'b'], 0])
  })

  it('sends it to the same backend once more when a kept connection was stale', async () => {
    const { sent, inFlight } = await retried([failed('stale'), answered])
    expect([sent, inFlight]).toEqual([['a', 'a'], 0])
  })

  it('keeps the best answer, and releases the others', async () => {
    const { result, dropped } = await retried([passedOver(500), passedOver(503)])
    expect([result.best?.answer?.name, dropped, result.budgetExhausted]).toEqual(['a 500', ['b 503'], false])
  })

  it('releases the lease when an attempt throws', async () => {
    const clock = new FakeClock()
    const select = selectBackend({ backends: { a: { url: 'http://a' } }, health: false }, { clock })
    const budget = new Budget(clock, { share: 1, window: 1_000, least: 1 })
    const request: RetryRequest<never> = {
      clock,
      retryBudget: budget,
      hedgeBudget: budget,
      rescueBudget: new Budget(clock, { share: 1, window: 1_000, least: 0 }),
      retained: () => true,
      canHedge: () => true,
      select: undefined,
      ask: async () => ({ kind: 'unknown' }) as const,
      pause: async () => {},
      repeat: async ({ backend }: Lease, most: number) => backend.limit.repeat(most),
      send: () => Promise.reject(new TypeError('a bug')),
      onLease: () => {},
      onAttempt: () => {},
    }
    await expect(run(request, await select(search))).rejects.toThrow('a bug')
    expect(select.backends()[0]?.inFlight).toBe(0)
  })
})
