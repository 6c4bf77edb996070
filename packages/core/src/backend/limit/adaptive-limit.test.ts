import { describe, expect, it } from 'vitest'
import {
  type At,
  auto,
  best,
  DRAWS,
  fixed,
  MIX,
  mean,
  middle,
  saturate,
  throughLoop,
} from '../../../../../test/support/limited-server.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'

describe('the adaptive limit', () => {
  it.each<[workers: number, time: number, kinds: Record<string, number>, most: number]>([
    [1, 50, { image: 1 }, 1],
    [1, 200, MIX, 2],
    [2, 40, { image: 1 }, 2],
    [2, 40, MIX, 3],
    [4, 20, { image: 1 }, 5],
    [4, 20, MIX, 5],
    [4, 100, MIX, 5],
    [8, 12, MIX, 10],
    [16, 50, MIX, 19],
    [32, 40, { image: 1 }, 38],
  ])('of %i workers that take %i ms for %j is theirs, and at most %i', (workers, time, kinds, most) => {
    const server = { workers, time, kinds }
    const runs = DRAWS.map((seed) => {
      const { limits, recently } = saturate(server, auto, 40, { seed })
      return { settled: middle(limits.slice(200)), share: recently / best(server, 40, seed).recently }
    })
    const settled = middle(runs.map((run) => run.settled))
    expect(settled).toBeGreaterThanOrEqual(workers)
    expect(settled).toBeLessThanOrEqual(most)
    expect(middle(runs.map(({ share }) => share))).toBeGreaterThan(0.94)
  })

  it('loses little to what the first jobs have told it', () => {
    const server = { workers: 4, time: 50, kinds: MIX }
    const shares = Array.from({ length: 40 }, (_, seed) => {
      return saturate(server, auto, 20, { seed }).work / best(server, 20, seed).work
    })
    expect(mean(shares)).toBeGreaterThan(0.97)
  })

  it('is four times what it began with within a second, where there is room', () => {
    expect(Math.max(...saturate({ workers: 4, time: 20 }, auto, 1).limits)).toBeGreaterThanOrEqual(4)
  })

  it.each<[string, At, workers: number]>([
    ['slows to a third', (now) => ({ speed: now > 20_000 && now < 40_000 ? 1 / 3 : 1 }), 4],
    ['becomes three times as fast', (now) => ({ speed: now > 20_000 && now < 40_000 ? 3 : 1 }), 4],
    ['has two workers for a while', (now) => ({ workers: now > 20_000 && now < 40_000 ? 2 : 8 }), 8],
    ['has three times as many for a while', (now) => ({ workers: now > 20_000 && now < 40_000 ? 12 : 4 }), 4],
  ])('follows a server that %s', (_, at, workers) => {
    const server = { workers, time: 20, kinds: MIX, at }
    const runs = DRAWS.map((seed) => {
      const { work, limits } = saturate(server, auto, 60, { seed })
      const share = work / saturate(server, fixed(14), 60, { seed }).work
      return { share, during: middle(limits.slice(260, 390)), after: middle(limits.slice(500)) }
    })
    expect(middle(runs.map(({ share }) => share))).toBeGreaterThan(0.87)
    const during = at(30_000).workers ?? workers
    expect(middle(runs.map((run) => run.during))).toBeGreaterThanOrEqual(during)
    expect(middle(runs.map((run) => run.during))).toBeLessThanOrEqual(Math.ceil(during * 1.5))
    expect(middle(runs.map(({ after }) => after))).toBeGreaterThanOrEqual(workers)
    expect(middle(runs.map(({ after }) => after))).toBeLessThanOrEqual(workers + 1)
  })

  it('takes no queue for granted in jobs of different kinds', () => {
    const server = { workers: 4, time: 20, kinds: { quick: 0.1, slow: 20 } }
    const runs = Array.from({ length: 30 }, (_, seed) => {
      const { limits, recently } = saturate(server, auto, 120, { seed })
      return { settled: middle(limits.slice(600)), share: recently / best(server, 120, seed).recently }
    })
    const settled = middle(runs.map((run) => run.settled))
    expect(settled).toBeGreaterThanOrEqual(4)
    expect(settled).toBeLessThanOrEqual(6)
    expect(mean(runs.map(({ share }) => share))).toBeGreaterThan(0.93)
  })

  it('keeps nobody waiting where jobs take no time, and forgets that once they do', () => {
    const at: At = (now) => ({ speed: now < 5_000 ? 1 : 1 / 200 })
    const { limits } = saturate({ workers: 1, time: 0.2, at }, auto, 60)
    expect(Math.min(...limits.slice(10, 40))).toBeGreaterThan(16)
    expect(middle(limits.slice(300))).toBeLessThanOrEqual(2)
  })

  it('takes no wait for our own event loop for a queue in the backend', () => {
    const { held, times } = throughLoop({ clients: 64, cost: 0.5, time: 1, seconds: 10 })
    expect(middle(times)).toBeGreaterThan(25)
    expect(Math.max(...held.slice(2))).toBeLessThan(4)
  })

  it('finds the queue in a backend, however busy our own event loop is', () => {
    const { limits } = throughLoop({ clients: 16, cost: 0.3, time: 100, workers: 4, seconds: 60, others: 5 })
    expect(middle(limits.slice(300))).toBeGreaterThanOrEqual(4)
    expect(middle(limits.slice(300))).toBeLessThanOrEqual(6)
  })

  it.each([
    [1, 100],
    [2, 60],
    [4, 20],
  ])('knows %i workers from what waits inside, which the limit lets one do', (workers, time) => {
    const runs = DRAWS.map((seed) => {
      const { limits, workersSeen } = saturate({ workers, time, kinds: MIX }, auto, 60, { seed })
      return { limit: middle(limits.slice(200)), seen: middle(workersSeen.slice(200)) }
    })
    expect(middle(runs.map(({ limit }) => limit))).toBeLessThanOrEqual(workers + 1)
    expect(middle(runs.map(({ seen }) => seen))).toBe(workers)
  })

  it('takes what it has not seen for long for possible', () => {
    const ends = DRAWS.map((seed) => {
      const most = (now: number) => (now < 20_000 ? 16 : 3)
      const { limits, workersSeen } = saturate({ workers: 4, time: 20 }, auto, 30, { seed, most })
      return [limits.at(-1) ?? 0, workersSeen.at(-1) ?? 0] as const
    })
    for (const [limit, workers] of ends) expect(workers).toBe(limit)
    expect(Math.max(...ends.map(([limit]) => limit))).toBeGreaterThan(4)
  })

  it('grows as far as it is used, where there are never so many that it is full', () => {
    const { limits, workersSeen } = saturate({ workers: 8, time: 50 }, auto, 20, { most: () => 7 })
    expect(Math.max(...limits)).toBeGreaterThan(7)
    expect(middle(workersSeen.slice(100))).toBeGreaterThanOrEqual(6)
  })

  it('learns nothing from requests that fail, nor from few', () => {
    const clock = new FakeClock()
    const limit = new AdaptiveLimit(clock)
    for (let i = 0; i < 1_000; i++) {
      const sample = limit.begin(1 + (i % 2))
      clock.advance(1)
      limit.end(sample, 'image', i % 2 === 0 ? 1 : undefined)
    }
    expect([limit.workers, limit.current]).toEqual([1, 2])
  })

  it('goes on trying two until so many come, however long that takes', () => {
    const clock = new FakeClock()
    const limit = new AdaptiveLimit(clock)
    expect([limit.workers, limit.current, limit.mayGrow]).toEqual([1, 2, true])
    clock.advance(600_000)
    for (let i = 0; i < 20; i++) {
      const samples = [limit.begin(1), limit.begin(2)]
      clock.advance(50)
      for (const sample of samples) limit.end(sample, 'image', 50)
    }
    expect(limit.workers).toBeGreaterThanOrEqual(2)
  })

  it('looks whether what it began with was right when no more come than that', () => {
    // At first all take long, on their way there, so that eight at once seem to be right.
    const server = { workers: 4, time: 30, at: (now: number) => (now < 400 ? { workers: 16 } : {}) }
    const { limits } = saturate(server, auto, 20, { most: () => 8 })
    expect(limits[5]).toBeGreaterThan(8)
    expect(Math.max(...limits.slice(50))).toBeLessThanOrEqual(6)
  })

  it('goes back to itself when too few come for a later trial to end', () => {
    const clock = new FakeClock()
    const limit = new AdaptiveLimit(clock)
    // One after the other: it is one worker.
    for (let i = 0; limit.current > 1 && i < 100; i++) {
      const samples = [limit.begin(1), limit.begin(2)]
      clock.advance(50)
      for (const [place, sample] of samples.entries()) limit.end(sample, 'image', 50 * (place + 1))
    }
    expect(limit.current).toBe(1)
    for (let i = 0; limit.current === 1 && i < 100; i++) {
      const sample = limit.begin(1)
      clock.advance(50)
      limit.end(sample, 'image', 50)
    }
    expect([limit.workers, limit.current]).toEqual([1, 2])
    clock.advance(60_000)
    limit.begin(1)
    expect(limit.current).toBe(1)
  })

  it('remembers no more kinds than there is room for', () => {
    const clock = new FakeClock()
    const limit = new AdaptiveLimit(clock)
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 100_000; i++) limit.end(limit.begin(1), `kind ${i} ${'x'.repeat(1_000)}`, 1)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000)
  })
})
