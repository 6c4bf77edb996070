import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError } from '../errors.ts'
import { ReplayBody } from './replay-body.ts'
import { RetainedMemory } from './retained-memory.ts'

const unlimited = { maxSize: Number.POSITIVE_INFINITY }
const chunks = ['one ', 'two ', 'three'].map((text) => Buffer.from(text))

function bodyOf(...parts: Buffer[]): ReplayBody {
  return new ReplayBody(Readable.from(parts, { objectMode: false }), unlimited, true)
}

describe('a replayable body', () => {
  it('reads nothing unless somebody waits', async () => {
    const source = new PassThrough({ highWaterMark: 1 })
    const body = new ReplayBody(source, unlimited, true)
    source.write('abc')
    await new Promise((resolve) => setImmediate(resolve))
    expect(body.size).toBe(0)
    const read = buffer(body.stream())
    source.end('def')
    expect((await read).toString()).toBe('abcdef')
    expect([body.size, body.complete]).toEqual([6, true])
  })

  it('can be read by a stream that was opened late, and not at all once it is released', async () => {
    const body = bodyOf(...chunks)
    expect((await buffer(body.stream())).toString()).toBe('one two three')
    const late = body.stream()
    body.release()
    expect((await buffer(late)).toString()).toBe('one two three')
    expect(() => body.stream()).toThrow(BodyReleasedError)
  })

  it('is in one piece when it came as one, and is whole', async () => {
    const exact = new ReplayBody(
      Readable.from([Buffer.from('whole')], { objectMode: false }),
      { ...unlimited, exactSize: 5 },
      true,
    )
    expect(exact.inOnePiece()).toBeUndefined()
    await buffer(exact.stream())
    expect(exact.inOnePiece()?.toString()).toBe('whole')
    const several = bodyOf(...chunks)
    await buffer(several.stream())
    expect(several.inOnePiece()).toBeUndefined()
  })

  it('fails every reader, early or late, at the limit', async () => {
    const body = new ReplayBody(Readable.from(chunks, { objectMode: false }), { maxSize: 7 }, true)
    await expect(buffer(body.stream())).rejects.toThrow(BodyTooLargeError)
    await expect(buffer(body.stream())).rejects.toThrow(BodyTooLargeError)
  })

  it('fails when its source is closed before its end, and when it gives no bytes', async () => {
    const source = new PassThrough()
    const cut = buffer(new ReplayBody(source, unlimited, true).stream())
    source.destroy()
    await expect(cut).rejects.toThrow(BodyFailedError)
    const objects = new ReplayBody(Readable.from([{ no: 'bytes' }]), unlimited, true)
    await expect(buffer(objects.stream())).rejects.toThrow(/gives no bytes/)
  })
})

describe('retaining', () => {
  it('ends where the body is larger than it may be, and gives the memory back', async () => {
    const memory = new RetainedMemory(100)
    const small = bodyOf(...chunks)
    small.retainWithin(13, memory)
    await buffer(small.stream())
    expect([small.retained, memory.used]).toEqual([true, 13])
    const large = bodyOf(...chunks)
    const reader = large.stream()
    large.retainWithin(12, memory)
    expect((await buffer(reader)).toString()).toBe('one two three')
    expect([large.retained, memory.used]).toEqual([false, 13])
    small.destroy()
    small.destroy()
    expect(memory.used).toBe(0)
  })

  it('ends where all bodies together are larger than they may be', async () => {
    const memory = new RetainedMemory(20)
    const [first, second] = [bodyOf(...chunks), bodyOf(...chunks)]
    for (const body of [first, second]) {
      const reader = body.stream()
      body.retainWithin(1000, memory)
      expect((await buffer(reader)).toString()).toBe('one two three')
    }
    expect([first.retained, second.retained, memory.used]).toEqual([true, false, 13])
  })

  it('counts what had arrived before', async () => {
    const memory = new RetainedMemory(100)
    const body = bodyOf(...chunks)
    await buffer(body.stream())
    body.retainWithin(100, memory)
    expect(memory.used).toBe(13)
    body.release()
    expect(memory.used).toBe(0)
  })
})
