import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Watchdog } from './watchdog.ts'

describe('the watchdog', () => {
  function watched(limit: number) {
    const clock = new FakeClock()
    const barks: number[] = []
    const dog = new Watchdog(clock, limit, () => barks.push(clock.now()))
    return { clock, barks, dog }
  }

  it('barks once, when nothing has happened for the whole time', () => {
    const { clock, barks, dog } = watched(100)
    clock.advance(90)
    dog.restart()
    clock.advance(90)
    dog.restart()
    clock.advance(1000)
    expect(barks).toEqual([280])
    expect(clock.pending).toBe(0)
  })

  it('takes another limit, and stops', () => {
    const { clock, barks, dog } = watched(100)
    clock.advance(99)
    dog.restart(500)
    clock.advance(499)
    expect(barks).toEqual([])
    dog.stop()
    clock.advance(1000)
    expect([barks, clock.pending]).toEqual([[], 0])
  })

  it('without a limit, sets no timer', () => {
    const { clock } = watched(Number.POSITIVE_INFINITY)
    expect(clock.pending).toBe(0)
  })
})
