import { describe, expect, it } from 'vitest'
import { CHUNK_ROOM, MemoryBudget } from './memory-budget.ts'

describe('bodies that wait for room', () => {
  function waiting(total: number) {
    const budget = new MemoryBudget(total)
    budget.overdraw(total)
    const woken: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) budget.awaitTurn(() => woken.push(name))
    return { budget, woken }
  }

  it('are woken as far as there is room for a chunk of each', () => {
    const { budget, woken } = waiting(8 * CHUNK_ROOM)
    budget.release(3 * CHUNK_ROOM)
    expect(woken).toEqual(['a', 'b', 'c'])
  })

  it('are woken one at a time without room, oldest first', () => {
    const { budget, woken } = waiting(8 * CHUNK_ROOM)
    budget.release(1)
    budget.release(1)
    expect(woken).toEqual(['a', 'a'])
  })

  it('are all woken without a limit', () => {
    const { budget, woken } = waiting(Number.POSITIVE_INFINITY)
    budget.release(1)
    expect(woken).toEqual(['a', 'b', 'c', 'd'])
  })
})
