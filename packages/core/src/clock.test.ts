import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { FakeClock } from '../../../test/support/fake-clock.ts'
import { callAt, systemClock } from './clock.ts'

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
