import { FakeClock } from '@immich-ml-router/core/testing'
import { expect, it } from 'vitest'
import { Workers } from './workers.ts'

const exactly = (milliseconds: number) => milliseconds

async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

it('as many as there are workers at once, the rest in order', async () => {
  const clock = new FakeClock()
  const workers = new Workers(2, () => 10, clock, exactly)
  const done = Promise.all([1, 2, 1, 1].map((work) => workers.run(work)))
  clock.advance(30)
  expect(await done).toEqual([
    { start: 0, end: 10 },
    { start: 0, end: 20 },
    { start: 10, end: 20 },
    { start: 20, end: 30 },
  ])
})

it('a timer that is late delays the answer and not the worker', async () => {
  const clock = new FakeClock()
  const workers = new Workers(
    1,
    () => 10,
    clock,
    (milliseconds) => milliseconds + 3,
  )
  const first = workers.run(1)
  const second = workers.run(1)
  clock.advance(13)
  expect(await first).toEqual({ start: 0, end: 10 })
  clock.advance(10)
  expect(await second).toEqual({ start: 10, end: 20 })
  clock.advance(7)
  const third = workers.run(1)
  clock.advance(13)
  expect(await third).toEqual({ start: 30, end: 40 })
})

it('the speed is that of the beginning of a job', async () => {
  const clock = new FakeClock()
  const workers = new Workers(1, (at) => (at < 10 ? 10 : 30), clock, exactly)
  const done = Promise.all([workers.run(1), workers.run(1)])
  clock.advance(100)
  expect(await done).toEqual([
    { start: 0, end: 10 },
    { start: 10, end: 40 },
  ])
})

it('dropped requests never begin', async () => {
  const clock = new FakeClock()
  const workers = new Workers(1, () => 10, clock, exactly)
  const ended: string[] = []
  workers.run(1).then(() => ended.push('running'))
  workers.run(1).then(() => ended.push('waiting'))
  workers.clear()
  clock.advance(100)
  await turn()
  expect([ended, clock.pending]).toEqual([['running'], 0])
})
