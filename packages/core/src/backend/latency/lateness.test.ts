import { expect, it } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { LatencyTracker } from './latency-tracker.ts'
import { lateAfter } from './lateness.ts'

const KIND = 'clip/visual/a'

function setUp(times: readonly number[]) {
  const clock = new FakeClock()
  const latency = new LatencyTracker(clock)
  for (const time of times) {
    clock.advance(time)
    latency.observe(KIND, time)
  }
  const late = (interactive: boolean) => lateAfter(latency, KIND, clock.now(), { interactive, load: 120_000 })
  return { clock, latency, late }
}

it('a search is late after 2 s, an image after 10 s, or ten times nearly all of its kind', () => {
  const { late } = setUp([50, 50, 50])
  expect([late(true), late(false)]).toEqual([2_000, 10_000])
  expect(setUp(Array(30).fill(3_000)).late(false)).toBe(30_000)
})

it('what may have to load a model first is late after the time for that, or twice what that took', () => {
  expect(setUp([]).late(true)).toBe(120_000)
  const { clock, late } = setUp([100_000, 50])
  clock.advance(60_001)
  expect([late(true), late(false)]).toEqual([200_000, 200_000])
  const warm = setUp([50])
  warm.clock.advance(60_001)
  expect(warm.late(false)).toBe(120_000)
})

it('a tracker knows whether a job was done since, of a kind or of any', () => {
  const { clock, latency } = setUp([50])
  const at = clock.now()
  expect([latency.hasDoneSince(at - 1, KIND), latency.hasDoneSince(at, KIND)]).toEqual([true, false])
  clock.advance(1)
  latency.observe('ocr', 1)
  expect([latency.hasDoneSince(at), latency.hasDoneSince(at, KIND)]).toEqual([true, false])
})
