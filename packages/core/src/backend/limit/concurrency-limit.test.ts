import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answered } from '../../../../../test/support/outcomes.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { Backend } from '../backend.ts'
import type { BackendSettings } from '../backend-settings.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'

function backend(settings: Partial<BackendSettings> = {}) {
  const clock = new FakeClock()
  const gpu = new Backend('gpu', { url: 'http://gpu', weight: 1, clock, ...settings })
  /** How many more of a kind it takes. */
  const room = (urgent: boolean) => {
    const slots = []
    while (gpu.limit.hasSlot(urgent)) slots.push(gpu.reserve(undefined, 'image'))
    for (const slot of slots) slot.release()
    return slots.length
  }
  /** Does so many jobs, one after the other. */
  const work = (jobs: number, time: number) => {
    for (let i = 0; i < jobs; i++) {
      const slot = gpu.reserve(undefined, 'image')
      clock.advance(time)
      slot.release(answered)
    }
  }
  return { clock, gpu, room, work }
}

describe('a limit that is written', () => {
  it.each<[BackendSettings['reserve'], bulk: number, urgent: number]>([
    [undefined, 4, 4],
    [1, 3, 4],
    [3, 1, 4],
    [{ share: 0.25 }, 3, 4],
    [{ share: 0.3 }, 2, 4],
    [{ share: 0.01 }, 3, 4],
    [{ share: 0.99 }, 1, 4],
  ])('of four with %j in reserve leaves %i for an import, and %i for searches', (reserve, bulk, urgent) => {
    const { room } = backend({ maxConcurrent: 4, reserve })
    expect([room(false), room(true)]).toEqual([bulk, urgent])
  })
})

describe('a limit that is learnt', () => {
  it('lets a search go one beyond, also beyond an image that waits inside', () => {
    const { room, gpu, work } = backend()
    work(30, 30)
    while (gpu.limit.hasSlot(false)) gpu.reserve(undefined, 'image')
    expect([gpu.inFlight - gpu.limit.current, room(true)]).toEqual([1, 1])
  })

  it('lets a search go one beyond where nothing may wait inside', () => {
    const { room, gpu, work } = backend()
    work(30, 5_000)
    while (gpu.limit.hasSlot(false)) gpu.reserve(undefined, 'image')
    expect([gpu.inFlight - gpu.limit.current, room(true)]).toEqual([0, 1])
  })

  it('lets no image wait inside behind a search, as long as nothing is known', () => {
    const { room, gpu } = backend()
    gpu.reserve(undefined, 'search', true)
    expect([gpu.limit.current, room(false)]).toEqual([2, 1])
  })

  it('lets an image wait inside, as long as nobody is in a hurry and images are quick', () => {
    const { clock, gpu, room, work } = backend()
    work(30, 80)
    const beyond = () => room(false) - gpu.limit.current
    expect(beyond()).toBe(1)
    gpu.reserve(undefined, 'search', true).release()
    expect(beyond()).toBe(0)
    clock.advance(2_001)
    expect(beyond()).toBe(1)
  })

  it('lets an image wait inside whoever is in a hurry, where images are very quick', () => {
    const { gpu, room, work } = backend()
    work(30, 30)
    gpu.reserve(undefined, 'search', true).release()
    expect(room(false)).toBe(gpu.limit.current + 1)
  })

  it('lets no image wait inside where each takes long', () => {
    const { gpu, room, work } = backend()
    work(30, 5_000)
    expect(room(false)).toBe(gpu.limit.current)
  })

  it('leaves one slot to an import, whatever is in reserve', () => {
    const { gpu, room } = backend({ reserve: 3 })
    gpu.reserve(undefined, 'search', true).release()
    expect([gpu.limit.current, room(false)]).toEqual([2, 1])
  })
})

it('has a free slot once as many are done as are too many, and one', () => {
  const jobs = fc.array(fc.integer({ min: 50, max: 100 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      jobs,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 40 }),
      (times, limit, passed) => {
        const clock = new FakeClock()
        const inFlight = new ConcurrencyLimit(clock, { maxConcurrent: limit })
        for (const time of times) inFlight.begin(time, false)
        clock.shift(passed)
        const ends = times.map((time) => time - passed).sort((a, b) => a - b)
        for (let again = 0; again < 2; again++)
          expect(inFlight.slotFreeIn).toBe(ends[Math.max(0, times.length - limit)])
      },
    ),
  )
})

it('measures the time with requests in flight, and their share of the limit', () => {
  const clock = new FakeClock()
  const limit = new ConcurrencyLimit(clock, { maxConcurrent: 4 })
  clock.advance(100)
  expect(limit.use).toEqual({ busy: 0, load: 0 })
  const first = limit.begin(0, false)
  clock.advance(100)
  const second = limit.begin(0, false)
  clock.advance(100)
  expect(limit.use).toEqual({ busy: 200, load: 25 + 50 })
  limit.end(first, '', 200)
  clock.advance(40)
  limit.end(second, '', 140)
  clock.advance(1_000)
  expect(limit.use).toEqual({ busy: 240, load: 25 + 50 + 10 })
  const third = limit.begin(0, false)
  clock.advance(60)
  limit.end(third, '', undefined)
  expect(limit.use).toEqual({ busy: 300, load: 100 })
})

it('has no load without a limit', () => {
  const clock = new FakeClock()
  const limit = new ConcurrencyLimit(clock, { maxConcurrent: Number.POSITIVE_INFINITY })
  limit.begin(0, false)
  clock.advance(50)
  expect(limit.use).toEqual({ busy: 50, load: 0 })
})
