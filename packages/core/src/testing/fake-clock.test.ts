import { describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'

function clockWithTimers(...delays: number[]) {
  const clock = new FakeClock()
  const log: [timer: number, now: number][] = []
  const cancel = delays.map((delay) => clock.after(delay, () => log.push([delay, clock.now()])))
  return { clock, log, cancel }
}

describe('a fake clock', () => {
  it('runs due timers in order, each at its own time', () => {
    const { clock, log } = clockWithTimers(30, 10, 20, 50)
    clock.advance(30)
    expect(log).toEqual([
      [10, 10],
      [20, 20],
      [30, 30],
    ])
    expect([clock.now(), clock.pending]).toEqual([30, 1])
  })

  it('runs timers that a timer sets, if they are due', () => {
    const clock = new FakeClock()
    const times: number[] = []
    const tick = () => {
      times.push(clock.now())
      clock.after(10, tick)
    }
    clock.after(10, tick)
    clock.advance(35)
    expect([times, clock.now()]).toEqual([[10, 20, 30], 35])
  })

  it('runs no cancelled timer', () => {
    const { clock, log, cancel } = clockWithTimers(10, 10, 20)
    cancel[1]?.()
    clock.advance(20)
    cancel[0]?.()
    expect(log).toEqual([
      [10, 10],
      [20, 20],
    ])
  })

  it('runs timers late after a shift', () => {
    const { clock, log } = clockWithTimers(10, 40)
    clock.shift(30)
    expect(log).toEqual([])
    clock.advance(0)
    expect([log, clock.now()]).toEqual([[[10, 30]], 30])
  })

  it('steps to the next timer', () => {
    const { clock, log } = clockWithTimers(10, 20)
    expect([clock.step(), clock.step(), clock.step()]).toEqual([true, true, false])
    expect(log).toEqual([
      [10, 10],
      [20, 20],
    ])
  })
})
