import { describe, expect, it } from 'vitest'
import { BodyStore, CHUNK_ROOM } from './body-store.ts'

describe('bodies that wait for room', () => {
  function waiting(total: number) {
    const store = new BodyStore({
      bodyMemory: 0,
      spareMemory: 0,
      totalBodyMemory: total,
      directory: undefined,
    })
    store.overdraw(total)
    const woken: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) store.awaitTurn(() => woken.push(name))
    return { store, woken }
  }

  it('are woken as far as there is room for a chunk of each', () => {
    const { store, woken } = waiting(8 * CHUNK_ROOM)
    store.release(3 * CHUNK_ROOM)
    expect(woken).toEqual(['a', 'b', 'c'])
  })

  it('are woken one at a time without room, oldest first', () => {
    const { store, woken } = waiting(8 * CHUNK_ROOM)
    store.release(1)
    store.release(1)
    expect(woken).toEqual(['a', 'a'])
  })

  it('are all woken without a limit', () => {
    const { store, woken } = waiting(Number.POSITIVE_INFINITY)
    store.release(1)
    expect(woken).toEqual(['a', 'b', 'c', 'd'])
  })
})
