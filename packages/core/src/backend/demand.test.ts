import { expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Demand } from './demand.ts'
import { Waker } from './waker.ts'

function start(isDown: boolean) {
  const clock = new FakeClock()
  const wanted: number[] = []
  const hurried: boolean[] = []
  const waker = new Waker(clock, {
    wake: undefined,
    isDown: () => isDown,
    queued: () => 0,
    onWanted: () => wanted.push(clock.now()),
  })
  const demand = new Demand({
    waker,
    isDown: () => isDown,
    onHurry: (it) => hurried.push(it),
    onWanted: () => {},
  })
  return { clock, demand, wanted, hurried }
}

it('wakes a machine again and again while a request is held, and stops with the last', async () => {
  const { clock, demand, wanted, hurried } = start(true)
  demand.begin('unavailable', true, false)
  demand.begin('full', false, false)
  await Promise.resolve()
  clock.advance(30_000)
  await Promise.resolve()
  demand.end('unavailable')
  expect([demand.byReason, hurried, wanted]).toEqual([{ full: 1, unavailable: 0 }, [true], [0, 30_000]])
  demand.end('full')
  clock.advance(60_000)
  await Promise.resolve()
  expect([demand.waiting, hurried, wanted.length]).toEqual([0, [true, false], 2])
})

it('wakes nothing for a queued request, until the backend goes down', async () => {
  const { demand, hurried } = start(true)
  demand.begin('full', false, false)
  expect(hurried).toEqual([])
  demand.healthChanged()
  expect(hurried).toEqual([true])
})

it('wakes no machine that is up', async () => {
  const { demand, wanted } = start(false)
  demand.want(false)
  demand.begin('unavailable', true, false)
  await Promise.resolve()
  expect([wanted, demand.canWake]).toEqual([[], false])
})
