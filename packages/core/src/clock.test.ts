import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { systemClock } from './clock.ts'

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
