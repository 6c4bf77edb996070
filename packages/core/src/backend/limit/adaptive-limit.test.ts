import { describe, expect, it } from 'vitest'
import { BusyLoop } from '../../../../../test/support/busy-loop.ts'
import { FakeClock } from '../../../../../test/support/fake-clock.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'

type At = (now: number) => { workers?: number; speed?: number }

interface Server {
  /** Jobs that it works on at once; the others wait, first in, first out. */
  readonly workers: number
  /** How long a job takes, on average, in milliseconds. */
  readonly time: number
  /** Kinds of jobs and how many times as long they take. */
  readonly kinds?: Readonly<Record<string, number>>
  /** What it is at a moment. */
  readonly at?: At
  /** How long the way there and back takes. */
  readonly way?: number
}

const UNCHANGED: At = () => ({})

/** Random, but the same every time (mulberry32). */
function randomFrom(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A time with a mean of 1 that differs by a third. */
function variation(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.exp(0.3 * normal - 0.045)
}

/**
 * Has as many jobs in flight as the limit allows, for so many seconds, or the most that there are.
 *
 * @returns What was done, the limits, and how many workers it was taken to have.
 */
function saturate(
  server: Server,
  limited: (clock: FakeClock) => Pick<AdaptiveLimit, 'current'>,
  seconds: number,
  { seed = 1, most = (_now: number) => Number.POSITIVE_INFINITY } = {},
) {
  const { time, kinds = { image: 1 }, at = UNCHANGED, way = 1 } = server
  const clock = new FakeClock()
  const random = randomFrom(seed)
  const limit = limited(clock)
  const auto = limit instanceof AdaptiveLimit ? limit : undefined
  const queue: (() => void)[] = []
  const limits: number[] = []
  const workersSeen: number[] = []
  let busy = 0
  let inFlight = 0
  let work = 0
  let recently = 0
  const workers = () => at(clock.now()).workers ?? server.workers
  const fill = () => {
    while (inFlight < Math.min(limit.current, most(clock.now()))) {
      const [kind = '', factor = 1] =
        Object.entries(kinds)[Math.floor(random() * Object.keys(kinds).length)] ?? []
      inFlight++
      const sample = auto?.begin(inFlight)
      const began = clock.now()
      const finish = () => {
        busy--
        work += factor
        if (clock.now() > (seconds * 1_000) / 2) recently += factor
        while (busy < workers() && queue.length > 0) queue.shift()?.()
        clock.after(way / 2, () => {
          inFlight--
          if (sample !== undefined) auto?.end(sample, kind, clock.now() - began)
          fill()
        })
      }
      const start = () => {
        busy++
        const { speed = 1 } = at(clock.now())
        clock.after((time * factor * variation(random)) / speed, finish)
      }
      clock.after(way / 2, () => {
        if (busy < workers()) start()
        else queue.push(start)
      })
    }
  }
  fill()
  for (let i = 0; i < seconds * 10; i++) {
    clock.advance(100)
    limits.push(limit.current)
    if (auto !== undefined) workersSeen.push(auto.workers)
  }
  return { work, recently, limits, workersSeen }
}

interface Router {
  /** Requests that are to be done at any time. */
  readonly clients: number
  /** How long its event loop is busy with a request, on its way there and on its way back, in milliseconds. */
  readonly cost: number
  /** How long the backend takes for one. */
  readonly time: number
  readonly workers?: number
  readonly seconds: number
  /** The loop does something else all the time, that takes so many milliseconds. */
  readonly others?: number
}

/** Has requests done by a router whose event loop has much to do. @returns The limits, who waited for one, and all times. */
function throughLoop({ clients, cost, time, workers = Number.POSITIVE_INFINITY, seconds, others }: Router) {
  const clock = new FakeClock()
  const random = randomFrom(1)
  const loop = new BusyLoop(clock)
  const auto = new AdaptiveLimit(loop.clock)
  const queue: (() => void)[] = []
  const limits: number[] = []
  const held: number[] = []
  const times: number[] = []
  let waiting = 0
  let inFlight = 0
  let busy = 0
  const work = (done: () => void) => {
    busy++
    clock.after(time * variation(random), () => {
      busy--
      queue.shift()?.()
      done()
    })
  }
  const send = () => {
    while (waiting > 0 && inFlight < auto.current) {
      waiting--
      const sample = auto.begin(++inFlight)
      const began = clock.now()
      const end = () => {
        inFlight--
        times.push(clock.now() - began)
        auto.end(sample, 'image', clock.now() - began)
        arrive()
        send()
      }
      const start = () => work(() => loop.do(cost, end))
      if (busy < workers) start()
      else queue.push(start)
    }
  }
  const arrive = () =>
    loop.do(cost, () => {
      waiting++
      send()
    })
  for (let i = 0; i < clients; i++) arrive()
  const doOther = (each: number) => loop.do(each, () => doOther(each))
  if (others !== undefined) doOther(others)
  for (let i = 0; i < seconds * 10; i++) {
    clock.advance(100)
    limits.push(auto.current)
    held.push(waiting)
  }
  return { limits, held, times }
}

const auto = (clock: FakeClock) => new AdaptiveLimit(clock)
const fixed = (limit: number) => () => ({ current: limit })
/** How soon something is learnt depends on the draws: most tests are about the one in the middle. */
const DRAWS = [1, 2, 3, 4, 5, 6, 7]
const MIX = { image: 1, faces: 1.2, ocr: 2.5 }

/** The most that can be done with any fixed limit. */
function best(server: Server, seconds: number, seed: number) {
  const most = server.workers + Math.ceil(server.workers / 4) + 1
  return saturate(server, fixed(most), seconds, { seed })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function middle(limits: readonly number[]): number {
  return limits.toSorted((a, b) => a - b)[limits.length >> 1] ?? 0
}

describe('a limit that is learnt', () => {
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
