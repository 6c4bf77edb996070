import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { type Standing, type Try, WaitingLine, type WaitOptions } from './waiting-line.ts'

/** A line for so many free places, and who was served, in order. */
function lineOf(clock: FakeClock, free = 0) {
  const line = new WaitingLine<number>(clock)
  const room = { free }
  const served: number[] = []
  const join = (arrival: number, options: Partial<WaitOptions> & { attempt?: Try<number> } = {}) => {
    const take: Try<number> = () => {
      if (room.free === 0) return { again: Number.POSITIVE_INFINITY }
      room.free--
      served.push(arrival)
      return { got: arrival }
    }
    return line.wait(options.attempt ?? take, {
      arrival,
      since: arrival,
      headStart: 0,
      client: 'immich',
      kind: String(arrival),
      deadline: Number.POSITIVE_INFINITY,
      late: () => new Error('late'),
      ...options,
    })
  }
  return { line, room, served, join }
}

describe('many that wait for different things', () => {
  it('are tried once each when they join, and once each when something changes', () => {
    const { line, join } = lineOf(new FakeClock())
    let tries = 0
    const attempt: Try<number> = () => {
      tries++
      return { again: Number.POSITIVE_INFINITY }
    }
    for (let i = 0; i < 1_000; i++) join(i, { attempt }).catch(() => {})
    expect(tries).toBe(1_000)
    line.poke()
    expect(tries).toBe(2_000)
    line.close(new Error('closed'))
  })

  it('are tried once each when each becomes of another kind', () => {
    const { line, join } = lineOf(new FakeClock())
    let tries = 0
    const become: ((standing: Standing) => void)[] = []
    const attempt: Try<number> = () => {
      tries++
      return { again: Number.POSITIVE_INFINITY }
    }
    for (let i = 0; i < 1_000; i++) {
      const onJoin = (change: (standing: Standing) => void) => void become.push(change)
      join(i, { attempt, onJoin }).catch(() => {})
    }
    tries = 0
    for (const change of become) change({ headStart: 0, kind: 'ready' })
    expect(tries).toBe(1_000)
    line.close(new Error('closed'))
  })

  it('are served when they join, if what they wait for is free', async () => {
    const { room, served, join } = lineOf(new FakeClock())
    join(1).catch(() => {})
    room.free = 2
    expect(await join(2)).toBe(2)
    // The room was not announced, but serving one is a change of its own.
    expect(served).toEqual([2, 1])
  })
})

describe('a line', () => {
  it('serves in the order of arrival, not of joining', async () => {
    const { line, room, served, join } = lineOf(new FakeClock())
    const all = [3, 1, 2].map((arrival) => join(arrival))
    room.free = 2
    line.poke()
    expect(served).toEqual([1, 2])
    room.free = 1
    line.poke()
    expect([await Promise.all(all), line.length]).toEqual([[3, 1, 2], 0])
  })

  it('passes over whom it cannot serve', async () => {
    const { line, room, served, join } = lineOf(new FakeClock())
    const picky = join(1, { attempt: () => ({ again: Number.POSITIVE_INFINITY }) })
    picky.catch(() => {})
    const second = join(2)
    room.free = 1
    line.poke()
    expect([await second, served, line.length]).toEqual([2, [2], 1])
    line.close(new Error('closed'))
    await expect(picky).rejects.toThrow('closed')
  })

  it('tries again by itself when it is told when, and sets one timer for all', async () => {
    const clock = new FakeClock()
    const { line, room, join } = lineOf(clock)
    let tries = 0
    const later =
      (at: number): Try<number> =>
      () => {
        tries++
        return clock.now() >= at ? { got: at } : { again: at }
      }
    const all = [join(1, { attempt: later(500) }), join(2, { attempt: later(300) })]
    expect(clock.pending).toBe(1)
    clock.advance(299)
    // One that joins says nothing of the others.
    expect(tries).toBe(2)
    clock.advance(1)
    expect(await all[1]).toBe(300)
    clock.advance(200)
    expect([await all[0], clock.pending, line.length, room.free]).toEqual([500, 0, 0, 0])
  })

  it('does not try a request that the attempt of another has made leave', async () => {
    const { line, room, served, join } = lineOf(new FakeClock())
    const leaving = new AbortController()
    let leaves = false
    const first = join(1, {
      attempt: () => {
        if (leaves) leaving.abort(new Error('left'))
        return { again: Number.POSITIVE_INFINITY }
      },
    })
    first.catch(() => {})
    const left = join(2, { signal: leaving.signal })
    left.catch(() => {})
    const third = join(3)
    leaves = true
    room.free = 1
    line.poke()
    await expect(left).rejects.toThrow('left')
    expect([await third, served, room.free]).toEqual([3, [3], 0])
    line.close(new Error('closed'))
  })

  it('lets go at the deadline, and of whoever leaves, at once', async () => {
    const clock = new FakeClock()
    const { line, room, served, join } = lineOf(clock)
    const leaving = new AbortController()
    const late = join(1, { deadline: 1_000 })
    const left = join(2, { signal: leaving.signal })
    const stays = join(3)
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    clock.advance(1_000)
    await expect(late).rejects.toThrow('late')
    await expect(join(4, { signal: leaving.signal })).rejects.toThrow('left')
    room.free = 5
    line.poke()
    expect([await stays, served, clock.pending]).toEqual([3, [3], 0])
  })

  it('serves those who are behind one whose service makes room for more', async () => {
    const { line, room, served, join } = lineOf(new FakeClock())
    const first = join(1, {
      attempt: () => {
        if (room.free === 0) return { again: Number.POSITIVE_INFINITY }
        room.free = 1
        line.poke()
        return { got: 1 }
      },
    })
    const second = join(0)
    room.free = 1
    line.poke()
    expect([await second, served]).toEqual([0, [0]])
    room.free = 1
    line.poke()
    expect(await first).toBe(1)
  })

  it('sends away whose attempt throws, and goes on with the others', async () => {
    const { line, room, join } = lineOf(new FakeClock())
    const broken = join(1, {
      attempt: () => {
        throw new Error('broken')
      },
    })
    const caught = expect(broken).rejects.toThrow('broken')
    const second = join(2)
    room.free = 1
    line.poke()
    await caught
    expect(await second).toBe(2)
  })

  it('does not ask for all of a kind once one of them cannot be served', () => {
    const { line, join } = lineOf(new FakeClock())
    let asked = 0
    const attempt: Try<number> = () => {
      asked++
      return { again: Number.POSITIVE_INFINITY }
    }
    for (let i = 0; i < 10; i++) join(i, { kind: 'ocr', attempt }).catch(() => {})
    asked = 0
    line.poke()
    expect(asked).toBe(1)
    let become = (_: Standing) => {}
    join(10, { attempt, onJoin: (it) => (become = it) }).catch(() => {})
    asked = 0
    line.poke()
    expect(asked).toBe(2)
    become({ kind: 'ocr', headStart: 0 })
    asked = 0
    line.poke()
    expect(asked).toBe(1)
    line.close(new Error('over'))
  })
})

describe('those who wait for something else than before', () => {
  it('keep their turn, and are served when all of them know', async () => {
    const { line, room, served, join } = lineOf(new FakeClock())
    let become = (_: Standing) => {}
    join(1, { client: 'x' })
    join(2, { client: 'x', onJoin: (it) => (become = it) })
    room.free = 1
    line.poke()
    line.change(() => {
      room.free = 1
      become({ kind: 'other', headStart: 0 })
      join(3, { client: 'y' })
      expect(served).toEqual([1])
    })
    expect(served).toEqual([1, 3])
    room.free = 1
    line.poke()
    expect(served).toEqual([1, 3, 2])
  })
})

describe('the order', () => {
  /** Who is served in which order, one after the other. */
  function orderOf(waiters: readonly Partial<WaitOptions>[]): number[] {
    const { line, room, served, join } = lineOf(new FakeClock())
    for (const [i, options] of waiters.entries()) void join(i, options)
    while (line.length > 0) {
      room.free = 1
      line.poke()
    }
    return served
  }
  const bulk = (since: number, client = 'immich') => ({ since, client, headStart: 0 })
  const urgent = (since: number, client = 'immich') => ({ since, client, headStart: 300 })

  it('is that of arrival among equals', () => {
    expect(orderOf([bulk(0), bulk(0), bulk(10), bulk(20)])).toEqual([0, 1, 2, 3])
  })

  it('puts the urgent first, but before nobody who has waited for longer than their head start', () => {
    expect(orderOf([bulk(0), bulk(200), bulk(390), urgent(400), urgent(700)])).toEqual([0, 3, 1, 2, 4])
    expect(orderOf([bulk(0), bulk(100), urgent(101), urgent(399), urgent(402)])).toEqual([2, 0, 3, 1, 4])
  })

  it('lets clients take turns', () => {
    const import_ = Array.from({ length: 4 }, () => bulk(0, 'importer'))
    expect(orderOf([...import_, bulk(5, 'phone'), bulk(6, 'phone'), bulk(7, 'tv')])).toEqual([
      0, 4, 6, 1, 5, 2, 3,
    ])
  })

  it('does not let a client that takes its turn hold up one that has waited for too long', () => {
    // The second client's turn comes with the age of the first's request, which is due before what is urgent.
    expect(orderOf([bulk(0, 'a'), bulk(1, 'a'), bulk(350, 'b'), urgent(400)])).toEqual([0, 2, 1, 3])
  })
})
