import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { keysOf } from '../../../../test/support/job-keys.ts'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import { pick as pickWith } from '../../../../test/support/pick.ts'
import { Backend } from '../backend/backend.ts'
import { type Select, selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { peakEwma } from './peak-ewma.ts'
import type { Job } from './strategy.ts'

const image: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }

/** Backends that have done a job in so many milliseconds, or none yet. */
function pool(
  clock: FakeClock,
  latencies: Record<string, number | undefined>,
  settings: Record<string, object> = {},
) {
  const backends = Object.entries(latencies).map(([name, latency]) => {
    const backend = new Backend(name, {
      url: `http://${name}`,
      weight: 1,
      clock,
      maxConcurrent: Number.POSITIVE_INFINITY,
      ...settings[name],
    })
    if (latency !== undefined) for (let i = 0; i < 2; i++) done(clock, backend, latency)
    return backend
  })
  const pick = (job: Partial<Job> = {}) =>
    pickWith(peakEwma(), backends, { ...image, ...job }, (it) => !it.limit.hasSlot(job.urgent ?? false))
  return { pick, backends }
}

/** What gets four at once, and what finds out by itself. */
const FOUR = { nas: { maxConcurrent: 4 }, gpu: { maxConcurrent: 4 } }
const LEARNED = { gpu: { maxConcurrent: 'auto' }, mac: { maxConcurrent: 'auto' } }

function done(clock: FakeClock, backend: Backend, time: number, kind = image.kind): void {
  const { release } = backend.reserve(undefined, kind)
  clock.shift(time)
  release(answered)
}

describe('peak-ewma', () => {
  it('picks the one that will be done first, with what is ahead of the request', () => {
    const clock = new FakeClock()
    const { pick } = pool(clock, { nas: 400, gpu: 100 })
    const picks: string[] = []
    for (let i = 0; i < 10; i++) {
      const backend = pick()
      backend.reserve(undefined, image.kind)
      picks.push(backend.name)
    }
    expect(picks.join(' ')).toBe('gpu gpu gpu nas gpu gpu gpu gpu nas gpu')
  })

  it('knows one kind of job from another', () => {
    const clock = new FakeClock()
    const { pick, backends } = pool(clock, { nas: 400, gpu: 100 })
    for (const [i, backend] of backends.entries()) done(clock, backend, i === 0 ? 5 : 20, 'clip/textual/ViT')
    expect([pick().name, pick({ kind: 'clip/textual/ViT' }).name]).toEqual(['gpu', 'nas'])
  })

  it('waits for what is quick in other kinds of jobs, also as one of those that wait', () => {
    const clock = new FakeClock()
    const { pick, backends } = pool(
      clock,
      { gpu: 10, nas: 400 },
      { gpu: { maxConcurrent: 1 }, nas: { maxConcurrent: 2 } },
    )
    for (const backend of backends) backend.reserve(undefined, image.kind)
    const search = { kind: 'clip/textual/ViT', urgent: true }
    expect([pick(search).name, pick({ ...search, queued: 1 }).name]).toEqual(['gpu', 'gpu'])
  })

  it('sends one request to what has not been measured, and not a herd', () => {
    const { pick } = pool(new FakeClock(), { gpu: 100, fresh: undefined })
    const picks = Array.from({ length: 4 }, () => {
      const backend = pick()
      backend.reserve(undefined, image.kind)
      return backend.name
    })
    expect(picks).toEqual(['fresh', 'gpu', 'gpu', 'gpu'])
    const none = pool(new FakeClock(), { a: undefined, b: undefined })
    const spread = Array.from({ length: 4 }, () => {
      const backend = none.pick()
      backend.reserve(undefined, image.kind)
      return backend.name
    })
    expect(spread).toEqual(['a', 'b', 'a', 'b'])
  })

  it('goes by other kinds of jobs, where nobody has done this one', () => {
    const { pick } = pool(new FakeClock(), { nas: 1_000, gpu: 100, fresh: undefined }, FOUR)
    const picks = Array.from({ length: 4 }, () => {
      const backend = pick({ kind: 'ocr' })
      backend.reserve(undefined, 'ocr')
      return backend.name
    })
    expect(picks).toEqual(['fresh', 'gpu', 'gpu', 'gpu'])
  })

  it('goes to a slower one that is idle rather than to wait inside a quick one', () => {
    const clock = new FakeClock()
    const { pick, backends } = pool(clock, { gpu: 100, mac: 140 }, LEARNED)
    const [gpu] = backends
    const { release } = gpu?.reserve(undefined, image.kind) ?? { release() {} }
    // Whether it works on two at once is worth finding out for an image, unless another would be quicker as it is.
    expect([gpu?.limit.workers, gpu?.limit.current, pick().name]).toEqual([1, 2, 'mac'])
    clock.shift(80)
    expect(pick().name).toBe('gpu')
    release(answered)
  })

  it('counts a peak and a failure at once, and forgets them with time', () => {
    const clock = new FakeClock()
    const { pick, backends } = pool(clock, { a: 100, b: 200 })
    const [a] = backends
    if (a === undefined) throw new Error('no backend')
    done(clock, a, 900)
    expect([a.latency.expected(image.kind), pick().name]).toEqual([900, 'b'])
    clock.advance(30_000)
    done(clock, a, 100)
    expect(a.latency.expected(image.kind)).toBeLessThan(150)
    expect(pick().name).toBe('a')
    const failing = a.reserve(undefined, image.kind)
    failing.release(failed('reset'))
    expect([a.latency.expected(image.kind), pick().name]).toEqual([1_000, 'b'])
  })

  describe('among the endpoints of a backend', () => {
    /** Replicas that have done a job in so many milliseconds, or none yet; and where the next requests go. */
    function replicas(...latencies: (number | undefined)[]) {
      const clock = new FakeClock()
      const endpoints = latencies.map((latency, i) => {
        const endpoint = { address: `10.0.0.${i}`, port: 3003 }
        const replica = new Backend('ml', { url: 'http://ml', weight: 1, clock, endpoint, maxConcurrent: 2 })
        if (latency !== undefined) for (let n = 0; n < 2; n++) done(clock, replica, latency)
        return replica
      })
      const strategy = peakEwma()
      const pick = () => pickWith(strategy, endpoints, image, (it) => !it.limit.hasSlot(false))
      /** One after the other, or all at once. */
      const picks = (count: number, atOnce = false) =>
        Array.from({ length: count }, () => {
          const picked = pick()
          const { release } = picked.reserve(undefined, image.kind)
          if (!atOnce) release()
          return endpoints.indexOf(picked)
        })
      return { clock, endpoints, picks }
    }

    it('takes turns, though one seems to be quicker, and another has had to load its models', () => {
      const { picks } = replicas(100, 90, 5_000)
      expect(picks(6).sort()).toEqual([0, 0, 1, 1, 2, 2])
      expect(picks(6, true).sort()).toEqual([0, 0, 1, 1, 2, 2])
    })

    it('takes one that has room rather than to wait for one that seems to be quicker', () => {
      const { endpoints, picks } = replicas(20, 5_000)
      for (let i = 0; i < 2; i++) endpoints[0]?.reserve(undefined, image.kind)
      expect(picks(2, true)).toEqual([1, 1])
    })

    it('sends one request to a new one, and the next when that is over', () => {
      const { picks } = replicas(100, undefined)
      expect(picks(3, true)).toEqual([1, 0, 0])
    })

    it('leaves alone what has failed of late', () => {
      const { clock, endpoints, picks } = replicas(100, 100, 100)
      endpoints[1]?.reserve(undefined, image.kind).release(failed('connect'))
      expect(picks(4).sort()).toEqual([0, 0, 2, 2])
      clock.advance(10_000)
      expect(new Set(picks(6)).size).toBe(3)
    })
  })

  it('knows from other kinds of jobs how long one would take that was never done there', () => {
    const clock = new FakeClock()
    const { pick, backends } = pool(
      clock,
      { gpu: 100, nas: 1_000 },
      { gpu: { maxConcurrent: 2 }, nas: { maxConcurrent: 2 } },
    )
    const [gpu] = backends
    if (gpu === undefined) throw new Error('no backend')
    for (let i = 0; i < 2; i++) done(clock, gpu, 300, 'ocr')
    expect(pick({ kind: 'ocr' }).name).toBe('gpu')
    const slots = [gpu.reserve(undefined, 'ocr'), gpu.reserve(undefined, 'ocr')]
    // In 300 ms there is room on the GPU machine; the NAS would take 3 s.
    expect([pick({ kind: 'ocr', queued: 2 }).name, pick({ kind: 'ocr', queued: 40 }).name]).toEqual([
      'gpu',
      'nas',
    ])
    for (const slot of slots) slot.release()
    clock.shift(60_001)
    for (let i = 0; i < 2; i++) gpu.reserve(undefined, 'ocr')
    expect([pick({ kind: 'ocr', urgent: true }).name, pick({ kind: 'ocr' }).name]).toEqual(['gpu', 'nas'])
  })

  it('divides by the weight', () => {
    const { pick } = pool(new FakeClock(), { a: 100, b: 150 }, { b: { weight: 2 } })
    expect(pick().name).toBe('b')
  })

  it('waits for one that is full when that is done sooner, and not when the queue there is long', () => {
    const clock = new FakeClock()
    const { pick, backends } = pool(
      clock,
      { nas: 2_000, gpu: 100 },
      { gpu: { maxConcurrent: 2 }, nas: { maxConcurrent: 1 } },
    )
    for (let i = 0; i < 2; i++) backends[1]?.reserve(undefined, image.kind)
    expect([
      pick({ queued: 0, urgent: false, sinceLast: 0 }).name,
      pick({ queued: 30 }).name,
      pick({ queued: 40 }).name,
    ]).toEqual(['gpu', 'gpu', 'nas'])
  })
})

const job = classified('image', 'clip/visual/ViT')

/** Sends so many images, so many at once, to servers that take their time each. @returns How long that took. */
async function importImages(
  clock: FakeClock,
  select: Select,
  times: Record<string, number>,
  images: number,
  atOnce: number,
) {
  const began = clock.now()
  const done: Record<string, number> = {}
  let left = images
  let running = 0
  const next = async (): Promise<void> => {
    if (left === 0) return
    left--
    running++
    const lease = await select(job)
    const { name } = lease.backend
    await new Promise<void>((resolve) => void clock.after(times[name] ?? 0, resolve))
    lease.release(answered)
    done[name] = (done[name] ?? 0) + 1
    running--
    return next()
  }
  const clients = Array.from({ length: atOnce }, next)
  while (left > 0 || running > 0) {
    for (let i = 0; i < 30; i++) await Promise.resolve()
    clock.advance(1)
  }
  await Promise.all(clients)
  return { time: clock.now() - began, done }
}

describe('an import on unequal servers', () => {
  it.each([
    ['a GPU machine and a NAS', { gpu: 20, nas: 1_000 }, { gpu: 4, nas: 2 }, 16],
    ['three of them', { gpu: 20, mac: 100, nas: 1_000 }, { gpu: 2, mac: 2, nas: 2 }, 64],
    ['two equals', { a: 50, b: 50 }, { a: 2, b: 2 }, 8],
  ])(
    '%s: is done within 5 %% of what they can do',
    async (_, times: Record<string, number>, slots: Record<string, number>, atOnce) => {
      const clock = new FakeClock()
      const names = Object.keys(times)
      const select = selectBackend(
        {
          backends: Object.fromEntries(
            names.map((name) => [name, { url: `http://${name}`, maxConcurrent: slots[name], health: false }]),
          ),
          routes: [{ backends: names, strategy: 'peak-ewma' }],
        },
        { clock },
      )
      // Each is measured once before.
      for (const backend of select.backends()) {
        const { release } = backend.reserve(keysOf('clip/visual'), 'clip/visual/ViT')
        clock.advance(times[backend.name] ?? 0)
        release(answered)
      }
      const images = 200
      const { time, done } = await importImages(clock, select, times, images, atOnce)
      const perMillisecond = names.reduce((sum, name) => sum + (slots[name] ?? 0) / (times[name] ?? 1), 0)
      const best = Math.min(...Object.values(times))
      expect(time).toBeLessThanOrEqual((images / perMillisecond + best) * 1.05)
      expect(Object.values(done).reduce((sum, count) => sum + count, 0)).toBe(images)
    },
  )
})
