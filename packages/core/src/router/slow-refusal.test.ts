import { describe, expect, it } from 'vitest'
import { defaults } from '../config/defaults.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { SlowRefusals } from './slow-refusal.ts'

function stage() {
  const clock = new FakeClock()
  const stopping = new AbortController()
  const refusals = new SlowRefusals(clock, stopping.signal)
  const refused: string[] = []
  const take = (client: string, name: string) => refusals.take(client, () => refused.push(name))
  return { clock, stopping, refusals, refused, take }
}

describe('refusals of bulk requests', () => {
  it('to one client are a second apart, and the first comes at once', () => {
    const { clock, refusals, refused, take } = stage()
    for (const name of ['a', 'b', 'c']) take('1.2.3.4', name)
    expect([refused, refusals.waiting]).toEqual([['a'], 2])
    clock.advance(999)
    expect(refused).toEqual(['a'])
    clock.advance(1)
    expect(refused).toEqual(['a', 'b'])
    clock.advance(1_000)
    expect([refused, refusals.waiting, clock.pending]).toEqual([['a', 'b', 'c'], 0, 0])
    take('1.2.3.4', 'd')
    expect(refused).toHaveLength(3)
    clock.advance(1_000)
    expect(refused).toHaveLength(4)
    clock.advance(1_000)
    take('1.2.3.4', 'e')
    expect(refused).toHaveLength(5)
  })

  it('to different clients do not wait for each other', () => {
    const { refused, take } = stage()
    for (const client of ['1.2.3.4', '1.2.3.5', '::1']) take(client, client)
    expect(refused).toEqual(['1.2.3.4', '1.2.3.5', '::1'])
  })

  it('that find the line full are sent at once', () => {
    const { refusals, refused, take } = stage()
    for (let i = 0; i <= defaults.maxSlowRefusals; i++) take('1.2.3.4', `${i}`)
    expect([refused, refusals.waiting]).toEqual([['0'], 60])
    take('1.2.3.4', 'further')
    expect(refused).toEqual(['0', 'further'])
  })

  it('leave a free place when their client leaves', () => {
    const { clock, refusals, refused, take } = stage()
    take('1.2.3.4', 'a')
    const leave = take('1.2.3.4', 'b')
    take('1.2.3.4', 'c')
    leave()
    leave()
    expect(refusals.waiting).toBe(1)
    clock.advance(1_000)
    expect(refused).toEqual(['a', 'c'])
    take('1.2.3.4', 'd')()
    expect([refusals.waiting, clock.pending]).toEqual([0, 0])
  })

  it('are all sent when the router drains, and no more are delayed', () => {
    const { clock, stopping, refusals, refused, take } = stage()
    for (const name of ['a', 'b', 'c']) take('1.2.3.4', name)
    stopping.abort()
    take('1.2.3.4', 'd')
    expect([refused, refusals.waiting, clock.pending]).toEqual([['a', 'b', 'c', 'd'], 0, 0])
  })

  it('remember a bounded number of clients', () => {
    const { clock, refused, take } = stage()
    for (let i = 0; i < 1_000; i++) take(`${i}`, 'first')
    for (let i = 0; i < 2; i++) take('new', 'not delayed')
    expect(refused).toHaveLength(1_002)
    clock.advance(1_000)
    for (let i = 0; i < 2; i++) take('new', 'delayed')
    expect(refused).toHaveLength(1_003)
  })
})
