import { expect, it } from 'vitest'
import { removeItem } from './remove-item.ts'

it('removes the first equal item, and nothing if there is none', () => {
  const items = [1, 2, 1]
  removeItem(items, 1)
  removeItem(items, 3)
  expect(items).toEqual([2, 1])
})
