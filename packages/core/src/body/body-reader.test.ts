import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { StreamedBody } from './streamed-body.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

function bodyOf() {
  const source = new Readable({ read: () => {} })
  return { source, body: new StreamedBody(source, { maxSize: 1e9 }, true) }
}

it('measures how long a reader waits for the sender', async () => {
  const { source, body } = bodyOf()
  const clock = new FakeClock()
  const reader = body.stream(clock)
  reader.on('data', () => {})
  await turn()
  expect(reader.starving).toBe(true)
  clock.shift(30)
  source.push('a')
  await turn()
  clock.shift(12)
  source.push('b')
  source.push(null)
  await turn()
  expect([reader.starvedFor, reader.starving]).toEqual([42, false])
})

it('does not count the time of a slow reader', async () => {
  const { source, body } = bodyOf()
  const clock = new FakeClock()
  const reader = body.stream(clock)
  source.push(Buffer.alloc(100_000))
  source.push(null)
  reader.read(0)
  await turn()
  clock.shift(1_000)
  expect([reader.starving, reader.starvedFor]).toEqual([false, 0])
})

it('throws the failure of the body after its last byte', async () => {
  const { source, body } = bodyOf()
  const cursor = body.cursor(() => {})
  cursor.take()
  source.push('a')
  await turn()
  source.destroy(new Error('reset'))
  await turn()
  expect(String(cursor.take())).toBe('a')
  expect(() => cursor.take()).toThrow(/reset/)
  cursor.close()
  expect(cursor.take()).toBe('end')
})
