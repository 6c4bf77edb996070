import { expect, it } from 'vitest'
import { ByteWindow } from './byte-window.ts'

it('uses the only chunk without a copy', () => {
  const window = new ByteWindow()
  const chunk = Buffer.from('abc')
  window.append(chunk)
  expect(window.bytes.buffer).toBe(chunk.buffer)
  window.discard(3)
  window.append(chunk)
  expect(window.bytes.toString()).toBe('abc')
})

it('joins chunks without writing to them', () => {
  const window = new ByteWindow()
  const chunk = Buffer.from('abc')
  window.append(chunk.subarray(0, 2))
  window.append(Buffer.from('XY'))
  window.discard(1)
  window.append(Buffer.from('Z'))
  expect([window.bytes.toString(), window.length, chunk.toString()]).toEqual(['bXYZ', 4, 'abc'])
})

it('keeps its bytes when it grows', () => {
  const window = new ByteWindow()
  for (let byte = 0; byte < 5_000; byte++) {
    window.append(Buffer.of(byte % 251))
    if (byte % 2 === 0) window.discard(1)
  }
  expect(window.length).toBe(2_500)
  expect(window.bytes[0]).toBe(2_500 % 251)
  expect(window.bytes.at(-1)).toBe(4_999 % 251)
})
