import { FakeClock } from '@immich-ml-router/core/testing'
import { AdaptiveLimit } from '../../packages/core/src/backend/limit/adaptive-limit.ts'
import { BusyLoop } from './busy-loop.ts'

export type At = (now: number) => { workers?: number; speed?: number }

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

export const UNCHANGED: At = () => ({})

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
export function saturate(
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
export function throughLoop({
  clients,
  cost,
  time,
  workers = Number.POSITIVE_INFINITY,
  seconds,
  others,
}: Router) {
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

export const auto = (clock: FakeClock) => new AdaptiveLimit(clock)
export const fixed = (limit: number) => () => ({ current: limit })
/** How soon something is learned depends on the random draws, so most tests use the median. */
export const DRAWS = [1, 2, 3, 4, 5, 6, 7]
export const MIX = { image: 1, faces: 1.2, ocr: 2.5 }

/** The most that can be done with any fixed limit. */
export function best(server: Server, seconds: number, seed: number) {
  const most = server.workers + Math.ceil(server.workers / 4) + 1
  return saturate(server, fixed(most), seconds, { seed })
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function middle(limits: readonly number[]): number {
  return limits.toSorted((a, b) => a - b)[limits.length >> 1] ?? 0
}
