import { expect, it } from 'vitest'
import { rankedBy } from './ranked-by.ts'

it('ranks by the first score that differs, and keeps the order of equals', () => {
  const items = ['b1', 'a2', 'b0', 'a2x', 'a1']
  const ranked = rankedBy(
    items,
    (item) => item.charCodeAt(0),
    (item) => Number(item[1]),
  )
  expect(ranked).toEqual(['a1', 'a2', 'a2x', 'b0', 'b1'])
  expect(items[0]).toBe('b1')
})
