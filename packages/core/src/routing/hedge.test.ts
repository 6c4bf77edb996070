import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { answered, answeredWith, failed } from '../../../../test/support/outcomes.ts'
import type { Candidate } from '../balance/strategy.ts'
import { parseConfig } from '../config/parse.ts'
import type { BackendOptions, Policy, Route } from '../config/policy.ts'
import { ConfigError } from '../config/problems.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { jobNames } from './jobs.ts'

const search = classified('text', 'clip/textual')
const image = classified('image', 'clip/visual')

describe('hedge', () => {
  const AFTER = 'hedge.after must be a percentile from "p50" to "p99", or a duration such as "300ms"'
  it.each<[unknown, string]>([
    [true, 'hedge must be an object of after, max'],
    [{ after: 'p100' }, AFTER],
    [{ after: 'p49' }, AFTER],
    [{ after: 'p99.9' }, AFTER],
    [{ after: '95' }, AFTER],
    [{ after: 0 }, AFTER],
    [{ after: 'unlimited' }, AFTER],
    [{ max: 0 }, 'hedge.max must be a whole number of 1 or more'],
    [{ max: 1.5 }, 'hedge.max must be a whole number of 1 or more'],
    [{ afer: '300ms' }, 'hedge.afer is not an option. Did you mean "after"?'],
  ])('is a mistake, and one, at its place: %j', (hedge, message) => {
    const parse = () =>
      parseConfig({ backends: { a: { url: 'http://a' } }, routes: [{ backends: ['a'], hedge }] })
    expect(parse).toThrow(ConfigError)
    expect(parse).toThrow(`  routes[0].${message}`)
    expect(parse).toThrow('The configuration has 1 mistake:')
  })
})

it('has no hedge where a strategy in code throws: a timer asks for it', async () => {
  let fails = false
  const strategy = () => ({
    rank: (candidates: readonly Candidate[]) => {
      if (fails) throw new Error('my strategy')
      return candidates.map(({ backend }) => ({ backend, score: 0, reason: () => '' }))
    },
  })
  const { select } = pool([{}, {}], { strategy })
  const lease = await select(search)
  fails = true
  const warned = new Promise((resolve) => process.once('warning', resolve))
  expect(lease.hedge?.spare(['a'])).toBeUndefined()
  expect(await warned).toMatchObject({ message: 'my strategy' })
})

/** Backends a, b, c … with options of their own, and one route to all of them that hedges. */
function pool(own: Partial<BackendOptions>[], route: Partial<Route> = {}, policy: Partial<Policy> = {}) {
  const clock = new FakeClock()
  const names = own.map((_, i) => 'abcdef'[i] ?? '')
  const select = selectBackend(
    {
      backends: Object.fromEntries(
        own.map((options, i) => [
          names[i],
          { url: `http://${names[i]}`, maxConcurrent: 'unlimited', ...options },
        ]),
      ),
      routes: [{ backends: names, strategy: 'first', hedge: { after: '300ms' }, ...route }],
      health: false,
      hold: false,
      ...policy,
    },
    { clock },
  )
  const spare = async (classification = search) => {
    const lease = await select(classification)
    return lease.hedge?.spare([lease.backend.id])?.backend.name
  }
  return { clock, select, spare }
}

describe('a lease', () => {
  it('without hedge is never late, unless a person waits for a loaded model', async () => {
    const { select } = pool([{}, {}], { hedge: undefined })
    expect([(await select(image)).hedge, select.lease('a').hedge]).toEqual([undefined, undefined])
    const { hedge, backend } = await select(search)
    expect([hedge?.isRescue, hedge?.max, hedge?.lateAfter()]).toEqual([true, 1, undefined])
    backend.latency.observe(jobNames(search).kind, 10)
    expect(hedge?.lateAfter()).toBe(2_100)
  })

  it('is late after a time, or after a percentile of its backend for jobs of its kind', async () => {
    expect((await pool([{}, {}]).select(search)).hedge?.lateAfter()).toBe(300)
    const { clock, select } = pool([{}, {}], { hedge: {}, strategy: 'round-robin' })
    for (let i = 1; i <= 40; i++) {
      const lease = await select(search)
      expect(lease.hedge?.lateAfter()).toBeUndefined()
      // Of a, 20 to 400 ms.
      clock.advance(lease.backend.name === 'a' ? i * 10 + 10 : 7)
      lease.release(answered)
    }
    const [a, b] = [await select(search), await select(search)]
    expect([a.backend.name, a.hedge?.lateAfter()]).toEqual(['a', 380])
    expect([b.backend.name, b.hedge?.lateAfter()]).toEqual(['b', 7])
    expect((await select(image)).hedge?.lateAfter()).toBeUndefined()
  })
})

describe('the backend of a further copy', () => {
  it('is the next that can take it, by the strategy of the route', async () => {
    expect(await pool([{}, {}, {}]).spare()).toBe('b')
    expect(await pool([{}, {}, { weight: 5 }], { strategy: 'weighted-round-robin' }).spare()).toBe('a')
    const { select, spare } = pool([{}, {}, {}], { strategy: 'least-conn' })
    select.lease('b')
    expect(await spare()).toBe('c')
  })

  it('is none that has had one', async () => {
    const { select } = pool([{}, {}, {}])
    const lease = await select(search, { exclude: ['c'] })
    expect(lease.hedge?.spare(['a@http://a'])?.backend.name).toBe('b')
    expect(lease.hedge?.spare(['a@http://a', 'b@http://b'])).toBeUndefined()
    expect(await pool([{}]).spare()).toBeUndefined()
  })

  it('serves its tasks, and is none that lacks them', async () => {
    const { select, spare } = pool([{}, { tasks: ['ocr'] }, {}, {}])
    expect(await spare()).toBe('c')
    const lacking = await select(search, { exclude: ['a', 'd'] })
    lacking.release(answeredWith(501))
    expect(await spare()).toBe('d')
  })

  it('is not waited for: one that is full, or keeps what is free for others, is left out', async () => {
    const { select, spare } = pool([{}, { maxConcurrent: 2, reserve: 1 }])
    select.lease('b')
    expect(await spare(image)).toBeUndefined()
    expect(await spare()).toBe('b')
    expect(await spare()).toBeUndefined()
    expect(select.held()).toEqual({})
  })

  it('is the next best only where requests spill', async () => {
    for (const spill of [false, true]) {
      const { select, spare } = pool([{}, { maxConcurrent: 1 }, {}], { spill })
      select.lease('b')
      expect(await spare()).toBe(spill ? 'c' : undefined)
    }
  })

  it('is of a higher tier when there is no other of the lower', async () => {
    expect(await pool([{}, { tier: 2 }, {}]).spare()).toBe('c')
    expect(await pool([{}, { tier: 2 }]).spare()).toBe('b')
  })

  it('is none that those who wait could have', async () => {
    const { select } = pool([{ maxConcurrent: 1 }, { maxConcurrent: 1 }], { spill: true })
    const first = await select(search)
    const other = await select(search)
    const waiting = select(search)
    other.release(answered)
    expect(first.hedge?.spare(['a@http://a'])).toBeUndefined()
    expect((await waiting).backend.name).toBe('b')
  })

  it('is none that those who wait could have by now, though their timers are late', async () => {
    const { clock, select } = pool([{ maxConcurrent: 1 }, { maxConcurrent: 1 }], { spill: true })
    const first = await select(search)
    select.lease('b').release(answeredWith(429))
    const waiting = select(search)
    clock.shift(2_000)
    expect(first.hedge?.spare(['a@http://a'])).toBeUndefined()
    expect((await waiting).backend.name).toBe('b')
  })

  it.each<[string, (select: ReturnType<typeof pool>['select'], clock: FakeClock) => void]>([
    ['drained', (select) => void select.drain('b')],
    [
      'ejected',
      (select) => {
        for (let i = 0; i < 3; i++) select.lease('b').release(failed('connect'))
      },
    ],
    [
      'behind its ejection, and to be tried',
      (select, clock) => {
        for (let i = 0; i < 3; i++) select.lease('b').release(failed('connect'))
        clock.advance(6_000)
      },
    ],
    ['busy', (select) => select.lease('b').release(answeredWith(429))],
    [
      'told to be away by the closing of all',
      (select) => {
        select.close()
      },
    ],
  ])('is none that is %s, whether requests may wait or not', async (_, spoil) => {
    for (const route of [{ hold: false } as const, { hold: '1h' }]) {
      const { select, clock } = pool([{}, {}], route)
      const lease = await select(search)
      spoil(select, clock)
      expect(lease.hedge?.spare(['a@http://a'])).toBeUndefined()
      expect(select.held()).toEqual({})
    }
  })

  it('is rather one on which nothing has failed of late', async () => {
    const { select, spare } = pool([{}, {}, {}])
    select.lease('b').release(failed('reset'))
    expect(await spare()).toBe('c')
  })
})
