import { buffer } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { BodyReleasedError } from '../errors.ts'
import { BodyStore } from './body-store.ts'
import { WholeBody } from './whole-body.ts'

const bytes = Buffer.from('a red boat')

function storeOf(bodyMemory: number, totalBodyMemory = 10_000): BodyStore {
  return new BodyStore({ bodyMemory, spareMemory: 0, totalBodyMemory, directory: undefined })
}

it('can be read as often as it is retained', async () => {
  const body = new WholeBody(bytes, undefined)
  for (let i = 0; i < 2; i++) expect((await buffer(body.stream())).toString()).toBe('a red boat')
  expect([body.bytes(), body.beginning(5).toString(), body.size]).toEqual([bytes, 'a red', 10])
  expect([body.complete, body.ready, body.retained]).toEqual([true, true, true])
})

it('is not readable after its release, except by streams that are open', async () => {
  const body = new WholeBody(bytes, undefined)
  const open = body.stream()
  body.release()
  expect((await buffer(open)).toString()).toBe('a red boat')
  expect(() => body.stream()).toThrow(BodyReleasedError)
  expect(() => body.bytes()).toThrow(BodyReleasedError)
  expect([body.retained, body.size, body.beginning(5).length]).toEqual([false, 10, 0])
})

it('counts in the store until it is released', () => {
  const store = storeOf(100)
  const body = WholeBody.inMemory(bytes, store)
  expect(store.used).toBe(10)
  expect(store.kept).toBeGreaterThan(10)
  body?.release()
  body?.destroy()
  expect([store.used, store.kept]).toEqual([0, 0])
})

it.each([
  ['larger than its share', storeOf(9)],
  ['without room', storeOf(100, 500)],
])('is not kept in memory when it is %s', (_, store) => {
  expect(WholeBody.inMemory(bytes, store)).toBeUndefined()
  expect(store.kept).toBe(0)
})

it('is empty when no byte was sent', async () => {
  expect((await buffer(new WholeBody(Buffer.alloc(0), undefined).stream())).length).toBe(0)
})
