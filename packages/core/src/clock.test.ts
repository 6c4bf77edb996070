import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { beyondLoop, callAt, type LoopUse, systemClock } from './clock.ts'
import { FakeClock } from './testing/fake-clock.ts'

it('knows how long the event loop was busy, and how many turns it took', async () => {
  const use = () => systemClock.loop?.() ?? { busy: Number.NaN, turns: Number.NaN }
  await sleep(2)
  const before = use()
  const until = performance.now() + 30
  while (performance.now() < until);
  await sleep(2)
  const after = use()
  expect(after.busy - before.busy).toBeGreaterThanOrEqual(29)
  expect(after.turns).toBeGreaterThan(before.turns)
})

it('calls back at a time, at once if that has passed, and never at Infinity', () => {
  const clock = new FakeClock()
  clock.shift(100)
  const callback = vi.fn()
  expect(callAt(clock, Number.POSITIVE_INFINITY, callback)).toBeUndefined()
  callAt(clock, 50, callback)
  const cancel = callAt(clock, 110, callback)
  callAt(clock, 120, callback)
  clock.advance(0)
  expect(callback).toHaveBeenCalledTimes(1)
  cancel?.()
  clock.advance(20)
  expect(callback).toHaveBeenCalledTimes(2)
})

const began: LoopUse = { busy: 1_000, turns: 50 }

it.each<[what: string, time: number, busy: number, turns: number, left: number]>([
  ['idle', 80, 0, 1, 80],
  ['idle but for the request itself', 80, 2, 3, 78],
  ['busy from the begin to the end, of which the request may have waited for all', 80, 80, 2, 0.1],
  ['blocked for a while', 500, 450, 4, 50],
  ['busy all the time, in many turns, of which the request needs few', 800, 800, 160, 760],
  ['busy for longer, since it counts the time in which the client was slow, too', 20, 80, 2, 0.1],
  ['busy, and the request took no time at all', 0, 1, 1, 0],
])('with a loop that was %s: %d ms, %d busy, %d turns', (_, time, busy, turns, left) => {
  const ended = { busy: began.busy + busy, turns: began.turns + turns }
  expect(beyondLoop(time, began, ended)).toBeCloseTo(left, 6)
})
