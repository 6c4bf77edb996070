import { expect, it } from 'vitest'
import { Ring } from './ring.ts'

it.each([
  [0, []],
  [2, [1, 2]],
  [3, [1, 2, 3]],
  [4, [2, 3, 4]],
  [7, [5, 6, 7]],
])('a ring of 3 has the last of %d items, oldest first', (count, items) => {
  const ring = new Ring<number>(3)
  for (let i = 1; i <= count; i++) ring.add(i)
  expect(ring.items).toEqual(items)
})
