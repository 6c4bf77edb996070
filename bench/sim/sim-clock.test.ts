import { expect, it } from 'vitest'
import { SimClock } from './sim-clock.ts'

it('runs callbacks in order, each with all its consequences before the next', async () => {
  const clock = new SimClock()
  const seen: string[] = []
  const see = (what: string) => seen.push(`${clock.now()} ${what}`)
  for (const at of [30, 10, 20, 10]) clock.after(at, () => see(`after ${at}`))
  clock.after(10, async () => {
    await Promise.resolve()
    await Promise.resolve()
    see('a consequence')
    clock.after(5, () => see('and the next'))
  })
  clock.after(12, () => see('never'))()
  await clock.run(() => false)
  expect(seen).toEqual([
    '10 after 10',
    '10 after 10',
    '10 a consequence',
    '15 and the next',
    '20 after 20',
    '30 after 30',
  ])
})

it('stops when it is told to', async () => {
  const clock = new SimClock()
  const ticking = () => void clock.after(1, ticking)
  ticking()
  await clock.run(() => clock.now() >= 1_000)
  expect(clock.now()).toBe(1_000)
})
