import { expect, it } from 'vitest'
import { keepLatest } from './keep-latest.ts'

it('evicts the least recently set entry', () => {
  const map = new Map<string, number>()
  for (const key of ['a', 'b', 'c', 'd']) keepLatest(map, key, 0, 4)
  keepLatest(map, 'a', 1, 4)
  keepLatest(map, 'e', 0, 4)
  expect([...map]).toEqual([
    ['c', 0],
    ['d', 0],
    ['a', 1],
    ['e', 0],
  ])
})

it('keeps the position of an entry while half of the capacity is free', () => {
  const map = new Map<string, number>()
  for (const key of ['a', 'b', 'a']) keepLatest(map, key, map.size, 4)
  expect([...map]).toEqual([
    ['a', 2],
    ['b', 1],
  ])
})
