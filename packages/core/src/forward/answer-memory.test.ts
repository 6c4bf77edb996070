import { expect, it } from 'vitest'
import { toReplayBody } from '../body/body-source.ts'
import { BodyStore } from '../body/body-store.ts'
import { unclassified } from '../classify/classification.ts'
import { DEFAULT_CLASSES } from '../judge/answer-classes.ts'
import { Answer } from './answer.ts'

const KIB = 1024

function storeOf(totalBodyMemory: number): BodyStore {
  return new BodyStore({ bodyMemory: 0, spareMemory: 0, totalBodyMemory, directory: undefined })
}

function answerIn(store: BodyStore, limit: number): Answer {
  const body = toReplayBody(Buffer.from('x'), { maxSize: 10 })
  return new Answer(
    { status: 200, statusText: 'OK', rawHeaders: [], headers: {} },
    {
      backend: 'gpu',
      request: { body, classification: unclassified('no-entries'), store },
      classes: DEFAULT_CLASSES,
      limit,
    },
  )
}

it('an answer in chunks of one byte is joined as it comes, and counted with all that it keeps', () => {
  const store = storeOf(1e9)
  const answer = answerIn(store, 200 * KIB)
  const content = Buffer.from(Array.from({ length: 150 * KIB }, (_, i) => i % 251))
  const memories = new Set<ArrayBufferLike>()
  for (const byte of content) {
    expect(answer.add(Buffer.from(Uint8Array.of(byte).buffer))).toBe(true)
    memories.add(answer.bytes.buffer)
  }
  expect(answer.bytes.equals(content)).toBe(true)
  expect(memories.size).toBeLessThan(20)
  expect(store.used).toBe(content.length)
  expect(store.kept).toBe(answer.bytes.buffer.byteLength)
  expect(store.kept).toBeLessThan(2 * content.length)
  answer.release()
  expect([store.used, store.kept]).toEqual([0, 0])
})

it('an answer that came as one chunk is not copied', () => {
  const chunk = Buffer.from('{"clip":"[1]"}')
  const answer = answerIn(storeOf(1e9), KIB)
  answer.add(chunk)
  expect(answer.bytes).toBe(chunk)
})

it('what goes beyond its limit, or beyond the memory of all, is not kept', () => {
  const store = storeOf(100 * KIB)
  const [limited, poor] = [answerIn(store, 10), answerIn(store, 1e9)]
  expect([limited.add(Buffer.alloc(8)), limited.add(Buffer.alloc(3))]).toEqual([true, false])
  expect([poor.add(Buffer.alloc(64 * KIB)), poor.add(Buffer.alloc(64 * KIB))]).toEqual([true, false])
  expect([limited.bytes.length, poor.bytes.length, store.used]).toEqual([8, 64 * KIB, 64 * KIB + 8])
  limited.release()
  poor.release()
  expect([store.used, store.kept]).toEqual([0, 0])
})
