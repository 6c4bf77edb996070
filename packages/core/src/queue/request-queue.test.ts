import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { type EnqueueOptions, type RankChange, RequestQueue, type TryServe } from './request-queue.ts'

/** A queue in front of a number of free slots, and the requests served, in order. */
function queueOf(clock: FakeClock, free = 0) {
  const queue = new RequestQueue<number>(clock)
  const slots = { free }
  const served: number[] = []
  const join = (arrival: number, options: Partial<EnqueueOptions> & { tryServe?: TryServe<number> } = {}) => {
    const take: TryServe<number> = () => {
      if (slots.free === 0) return { retryAt: Number.POSITIVE_INFINITY }
      slots.free--
      served.push(arrival)
      return { served: arrival }
    }
    return queue.enqueue(options.tryServe ?? take, {
      arrival,
      since: arrival,
      headStart: 0,
      tenant: 'immich',
      group: String(arrival),
      deadline: Number.POSITIVE_INFINITY,
      onDeadline: () => new Error('late'),
      ...options,
    })
  }
  return { queue, slots, served, join }
}

describe('many that wait for different things', () => {
  it('are tried once each when they join, and once each when something changes', () => {
    const { queue, join } = queueOf(new FakeClock())
    let tries = 0
    const tryServe: TryServe<number> = () => {
      tries++
      return { retryAt: Number.POSITIVE_INFINITY }
    }
    for (let i = 0; i < 1_000; i++) join(i, { tryServe }).catch(() => {})
    expect(tries).toBe(1_000)
    queue.wake()
    expect(tries).toBe(2_000)
    queue.close(new Error('closed'))
  })

  it('are tried once each when the group of each changes', () => {
    const { queue, join } = queueOf(new FakeClock())
    let tries = 0
    const update: ((change: RankChange) => void)[] = []
    const tryServe: TryServe<number> = () => {
      tries++
      return { retryAt: Number.POSITIVE_INFINITY }
    }
    for (let i = 0; i < 1_000; i++) {
      const onJoin = (change: (change: RankChange) => void) => void update.push(change)
      join(i, { tryServe, onJoin }).catch(() => {})
    }
    tries = 0
    for (const change of update) change({ headStart: 0, group: 'ready' })
    expect(tries).toBe(1_000)
    queue.close(new Error('closed'))
  })

  it('are served when they join, if what they wait for is free', async () => {
    const { slots, served, join } = queueOf(new FakeClock())
    join(1).catch(() => {})
    slots.free = 2
    expect(await join(2)).toBe(2)
    // The slots was not announced, but serving one is a change of its own.
    expect(served).toEqual([2, 1])
  })
})

describe('a queue', () => {
  it('serves in the order of arrival, not of joining', async () => {
    const { queue, slots, served, join } = queueOf(new FakeClock())
    const all = [3, 1, 2].map((arrival) => join(arrival))
    slots.free = 2
    queue.wake()
    expect(served).toEqual([1, 2])
    slots.free = 1
    queue.wake()
    expect([await Promise.all(all), queue.length]).toEqual([[3, 1, 2], 0])
  })

  it('skips a request that it cannot serve', async () => {
    const { queue, slots, served, join } = queueOf(new FakeClock())
    const picky = join(1, { tryServe: () => ({ retryAt: Number.POSITIVE_INFINITY }) })
    picky.catch(() => {})
    const second = join(2)
    slots.free = 1
    queue.wake()
    expect([await second, served, queue.length]).toEqual([2, [2], 1])
    queue.close(new Error('closed'))
    await expect(picky).rejects.toThrow('closed')
  })

  it('tries again by itself when it is told when, and sets one timer for all', async () => {
    const clock = new FakeClock()
    const { queue, slots, join } = queueOf(clock)
    let tries = 0
    const later =
      (at: number): TryServe<number> =>
      () => {
        tries++
        return clock.now() >= at ? { served: at } : { retryAt: at }
      }
    const all = [join(1, { tryServe: later(500) }), join(2, { tryServe: later(300) })]
    expect(clock.pending).toBe(1)
    clock.advance(299)
    // One that joins says nothing of the others.
    expect(tries).toBe(2)
    clock.advance(1)
    expect(await all[1]).toBe(300)
    clock.advance(200)
    expect([await all[0], clock.pending, queue.length, slots.free]).toEqual([500, 0, 0, 0])
  })

  it('does not try a request that leaves while another is tried', async () => {
    const { queue, slots, served, join } = queueOf(new FakeClock())
    const leaving = new AbortController()
    let leaves = false
    const first = join(1, {
      tryServe: () => {
        if (leaves) leaving.abort(new Error('left'))
        return { retryAt: Number.POSITIVE_INFINITY }
      },
    })
    first.catch(() => {})
    const left = join(2, { signal: leaving.signal })
    left.catch(() => {})
    const third = join(3)
    leaves = true
    slots.free = 1
    queue.wake()
    await expect(left).rejects.toThrow('left')
    expect([await third, served, slots.free]).toEqual([3, [3], 0])
    queue.close(new Error('closed'))
  })

  it('ends the wait at the deadline, and at once when a request leaves', async () => {
    const clock = new FakeClock()
    const { queue, slots, served, join } = queueOf(clock)
    const leaving = new AbortController()
    const late = join(1, { deadline: 1_000 })
    const left = join(2, { signal: leaving.signal })
    const stays = join(3)
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    clock.advance(1_000)
    await expect(late).rejects.toThrow('late')
    await expect(join(4, { signal: leaving.signal })).rejects.toThrow('left')
    slots.free = 5
    queue.wake()
    expect([await stays, served, clock.pending]).toEqual([3, [3], 0])
  })

  it('serves the requests behind one whose service frees another slot', async () => {
    const { queue, slots, served, join } = queueOf(new FakeClock())
    const first = join(1, {
      tryServe: () => {
        if (slots.free === 0) return { retryAt: Number.POSITIVE_INFINITY }
        slots.free = 1
        queue.wake()
        return { served: 1 }
      },
    })
    const second = join(0)
    slots.free = 1
    queue.wake()
    expect([await second, served]).toEqual([0, [0]])
    slots.free = 1
    queue.wake()
    expect(await first).toBe(1)
  })

  it('rejects a request whose tryServe throws, and goes on with the others', async () => {
    const { queue, slots, join } = queueOf(new FakeClock())
    const broken = join(1, {
      tryServe: () => {
        throw new Error('broken')
      },
    })
    const caught = expect(broken).rejects.toThrow('broken')
    const second = join(2)
    slots.free = 1
    queue.wake()
    await caught
    expect(await second).toBe(2)
  })

  it('does not ask for all of a group once one of them cannot be served', () => {
    const { queue, join } = queueOf(new FakeClock())
    let asked = 0
    const tryServe: TryServe<number> = () => {
      asked++
      return { retryAt: Number.POSITIVE_INFINITY }
    }
    for (let i = 0; i < 10; i++) join(i, { group: 'ocr', tryServe }).catch(() => {})
    asked = 0
    queue.wake()
    expect(asked).toBe(1)
    let become = (_: RankChange) => {}
    join(10, { tryServe, onJoin: (it) => (become = it) }).catch(() => {})
    asked = 0
    queue.wake()
    expect(asked).toBe(2)
    become({ group: 'ocr', headStart: 0 })
    asked = 0
    queue.wake()
    expect(asked).toBe(1)
    queue.close(new Error('over'))
  })
})

describe('requests whose group changes', () => {
  it('keep their turn, and are served when all of them know', async () => {
    const { queue, slots, served, join } = queueOf(new FakeClock())
    let become = (_: RankChange) => {}
    join(1, { tenant: 'x' })
    join(2, { tenant: 'x', onJoin: (it) => (become = it) })
    slots.free = 1
    queue.wake()
    queue.batch(() => {
      slots.free = 1
      become({ group: 'other', headStart: 0 })
      join(3, { tenant: 'y' })
      expect(served).toEqual([1])
    })
    expect(served).toEqual([1, 3])
    slots.free = 1
    queue.wake()
    expect(served).toEqual([1, 3, 2])
  })
})
