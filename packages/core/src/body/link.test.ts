import { expect, it } from 'vitest'
import { Link } from './link.ts'

const chunkOf = () => Buffer.allocUnsafeSlow(8_192)

it('copies into a block as far as there is room', () => {
  const block = Link.block(4)
  expect([block.grow(Buffer.from('abc'), 0), block.grow(Buffer.from('xyz'), 1)]).toEqual([3, 1])
  expect([block.bytes?.toString(), block.from(3)?.toString(), block.room]).toEqual(['abcy', 'y', 0])
})

it('has no room once it is sealed', () => {
  const block = Link.block(4)
  block.seal()
  expect([block.room, block.grow(Buffer.from('a'), 0)]).toEqual([0, 0])
})

it('frees its memory when it is dropped, or with the last loan after that', () => {
  const [unlent, lent] = [chunkOf(), chunkOf()]
  Link.of(unlent, true).drop()
  expect(unlent.length).toBe(0)
  const link = Link.of(lent, true)
  link.lend()
  link.lend()
  link.endLoan(lent)
  link.moveToDisk(7)
  expect([link.bytes, link.offset, lent.length]).toEqual([undefined, 7, 8_192])
  link.endLoan(lent)
  expect(lent.length).toBe(0)
})

it('never frees a chunk that is not ours', () => {
  const chunk = chunkOf()
  const link = Link.of(chunk, false)
  link.lend()
  link.drop()
  link.endLoan(chunk)
  expect(chunk.length).toBe(8_192)
})
