import { expect, it } from 'vitest'
import { Waiters } from './waiters.ts'

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
