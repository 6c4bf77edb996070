import { expect, it } from 'vitest'
import { Chain, type ChainWatch } from './chain.ts'

/** The sizes of the links after each append, and the calls of the watch. */
function chainOf(...sizes: number[]) {
  const chain = new Chain()
  const head = chain.tail
  const calls: string[] = []
  const watch: ChainWatch = {
    add: ({ size }) => void calls.push(`add ${size}`),
    grow: (_, bytes) => void calls.push(`grow ${bytes}`),
    seal: ({ size }) => void calls.push(`seal ${size}`),
  }
  for (const size of sizes) chain.append(Buffer.alloc(size), false, watch)
  const links: number[] = []
  for (let link = head.next; link !== undefined; link = link.next) links.push(link.size)
  return { chain, links, calls, watch }
}

it('keeps a large chunk, and the first small one, as they are', () => {
  expect(chainOf(4_096, 1, 4_096).links).toEqual([4_096, 1, 4_096])
})

it('joins consecutive small chunks in blocks of double size', () => {
  const { links } = chainOf(...Array(40).fill(100))
  expect(links).toEqual([100, 1_024, 2_048, 828])
})

it('splits a small chunk between two blocks', () => {
  const { links, calls } = chainOf(1, 1_000, 100)
  expect(links).toEqual([1, 1_024, 76])
  expect(calls).toEqual(['add 1', 'add 1000', 'grow 24', 'seal 1024', 'add 76'])
})

it('ends a block before a large chunk', () => {
  const { chain, calls, watch } = chainOf(1, 1, 5_000)
  expect(calls).toEqual(['add 1', 'add 1', 'seal 1', 'add 5000'])
  chain.seal(watch)
  expect(calls).toHaveLength(4)
})
