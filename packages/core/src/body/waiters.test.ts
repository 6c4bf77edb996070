import { expect, it } from 'vitest'
import { Waiters } from './waiters.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

it('wakes each reader once, and not one that was removed', () => {
  const waiters = new Waiters()
  const woken: string[] = []
  const a = () => void woken.push('a')
  const b = () => void woken.push('b')
  for (const wake of [a, a, b]) waiters.add(wake)
  waiters.remove(b)
  waiters.wakeAll()
  waiters.wakeAll()
  expect([woken, waiters.any]).toEqual([['a'], false])
})

it('wakes at once for the first small chunk of a turn, and at its end for all others', async () => {
  const waiters = new Waiters()
  let woken = 0
  const wake = () => {
    woken++
    waiters.add(wake)
  }
  waiters.add(wake)
  for (let chunk = 0; chunk < 5; chunk++) waiters.wakeForSmall()
  expect(woken).toBe(1)
  await turn()
  expect(woken).toBe(2)
  await turn()
  expect(woken).toBe(2)
})
