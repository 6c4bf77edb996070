import { expect, it } from 'vitest'
import { CHUNK_COST } from './body-store.ts'
import { Chain } from './chain.ts'

/** The links after each append, and their sizes. */
function chainOf(...sizes: number[]) {
  const chain = new Chain()
  const links = []
  let last = chain.tail
  for (const size of sizes) {
    chain.append(Buffer.alloc(size), false)
    for (; last.next !== undefined; last = last.next) links.push(last.next)
  }
  return { chain, links, sizes: links.map(({ size }) => size) }
}

it('keeps a large chunk, and the first small one, as they are', () => {
  expect(chainOf(4_096, 1, 4_096).sizes).toEqual([4_096, 1, 4_096])
})

it('joins consecutive small chunks in blocks of double size', () => {
  expect(chainOf(...Array(40).fill(100)).sizes).toEqual([100, 1_024, 2_048, 828])
})

it('splits a small chunk between two blocks', () => {
  const { chain, links, sizes } = chainOf(1, 1_000, 100)
  expect(sizes).toEqual([1, 1_024, 76])
  expect(links.map(({ open }) => open)).toEqual([false, false, true])
  expect([chain.size, chain.overhead]).toEqual([1_101, 3 * CHUNK_COST + 2_048 - 76])
})

it('ends a block before a large chunk, or when it is sealed', () => {
  expect(chainOf(1, 1, 5_000).links.map(({ open }) => open)).toEqual([false, false, false])
  const { chain } = chainOf(1, 1)
  expect(chain.tail.open).toBe(true)
  chain.seal()
  expect(chain.tail.open).toBe(false)
})
