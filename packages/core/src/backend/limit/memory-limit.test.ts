import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { MemoryLimit } from './memory-limit.ts'

/** A backend on which so many requests are in flight. */
function backend(inFlight: number) {
  const clock = new FakeClock()
  const memory = new MemoryLimit(clock)
  const it = {
    clock,
    memory,
    inFlight,
    /** A request in flight failed and is to be repeated. */
    repeat(most: number, notBefore = 0) {
      const repeat = memory.repeat(most, () => it.inFlight, notBefore)
      let isReady = false
      repeat.ready.then(() => {
        isReady = true
      })
      return { ...repeat, succeed: repeat.succeed, isReady: () => isReady, peak: () => repeat.peak }
    },
    /** Another request ended. */
    end() {
      it.inFlight--
      memory.startRepeats(it.inFlight)
    },
  }
  return it
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('the memory limit of a backend', () => {
  it('is none as long as nothing fails', () => {
    const { memory } = backend(0)
    expect([memory.limit, memory.allows(1_000, false)]).toEqual([Number.POSITIVE_INFINITY, true])
  })

  it('lets a request be repeated when few enough are in flight, and none begin before', async () => {
    const it = backend(4)
    const repeat = it.repeat(2)
    await settle()
    expect([repeat.isReady(), it.memory.allows(it.inFlight, false)]).toEqual([false, false])
    it.end()
    it.end()
    await settle()
    // One other, and itself.
    expect([repeat.isReady(), repeat.peak(), it.memory.allows(it.inFlight, false)]).toEqual([true, 2, false])
    repeat.end()
    expect(it.memory.allows(it.inFlight, false)).toBe(true)
  })

  it('repeats one after the other those that failed together', async () => {
    const it = backend(3)
    const repeats = [it.repeat(1), it.repeat(1), it.repeat(1)]
    await settle()
    expect(repeats.map(({ isReady }) => isReady())).toEqual([true, false, false])
    repeats[0]?.end()
    it.end()
    await settle()
    expect(repeats.map(({ isReady }) => isReady())).toEqual([true, true, false])
  })

  it('waits for what the backend may still be working on', async () => {
    const it = backend(1)
    const repeat = it.repeat(1, 500)
    await settle()
    expect([repeat.isReady(), it.memory.allows(0, false)]).toEqual([false, false])
    it.clock.advance(500)
    await settle()
    expect(repeat.isReady()).toBe(true)
  })

  it('is what worked, grows one by one, and stays below what failed', () => {
    const it = backend(4)
    const repeat = it.repeat(2)
    it.end()
    it.end()
    repeat.succeed()
    repeat.end()
    expect(it.memory.limit).toBe(2)
    it.clock.advance(2_000)
    expect(it.memory.limit).toBe(3)
    it.clock.advance(7_000)
    expect([it.memory.limit, it.memory.allows(2, false), it.memory.allows(3, false)]).toEqual([
      3,
      true,
      false,
    ])
    it.clock.advance(1_000)
    expect(it.memory.limit).toBe(4)
  })

  it('stays what it is when a repeat fails, or was alone before', () => {
    const it = backend(2)
    it.repeat(1).end()
    it.end()
    const alone = it.repeat(1)
    alone.succeed()
    alone.end()
    expect(it.memory.limit).toBe(Number.POSITIVE_INFINITY)
  })
})
