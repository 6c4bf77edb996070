import { expect, it } from 'vitest'
import { Link } from './link.ts'

const chunkOf = () => Buffer.allocUnsafeSlow(8_192)

it('copies into a block as far as there is room', () => {
  const block = new Link(Buffer.alloc(4), 0)
  expect([block.grow(Buffer.from('abc'), 0), block.grow(Buffer.from('xyz'), 1)]).toEqual([3, 1])
  expect([block.from(0)?.toString(), block.from(3)?.toString(), block.grow(Buffer.from('a'), 0)]).toEqual([
    'abcy',
    'y',
    0,
  ])
})

it('has no room once it is sealed', () => {
  const block = new Link(Buffer.alloc(4), 0)
  block.seal()
  expect(block.grow(Buffer.from('a'), 0)).toBe(0)
})

it('frees its memory when it is dropped, or with the last loan after that', () => {
  const [unlent, lent] = [chunkOf(), chunkOf()]
  new Link(unlent, 8_192).drop()
  expect(unlent.length).toBe(0)
  const link = new Link(lent, 8_192)
  link.lend()
  link.lend()
  link.endLoan(lent)
  link.moveToDisk(7)
  expect([link.from(0), link.offset, lent.length]).toEqual([undefined, 7, 8_192])
  link.endLoan(lent)
  expect(lent.length).toBe(0)
})

it('is never freed with a loan that does not end', () => {
  const chunk = chunkOf()
  const link = new Link(chunk, 8_192)
  link.lend()
  link.lend()
  link.drop()
  link.endLoan(chunk)
  expect(chunk.length).toBe(8_192)
})
