import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../../../test/support/temporary-file.ts'
import { BodyStore } from './body-store.ts'
import { StreamedBody } from './streamed-body.ts'

/** More than a stream reads ahead. */
const SIZE = 100_000
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A body of three chunks, their bytes, and whether each chunk still has its memory. */
function chunked({ owned = true } = {}) {
  const chunks = [1, 2, 3].map((byte) => Buffer.alloc(SIZE, byte))
  const whole = Buffer.concat(chunks)
  const source = Readable.from(chunks, { objectMode: false })
  const body = new StreamedBody(source, { maxSize: 1e9, owned }, true)
  return { source, body, whole, left: () => chunks.map(({ length }) => length > 0) }
}

const inMemory = () =>
  new BodyStore({ bodyMemory: 1e6, spareMemory: 0, totalBodyMemory: 1e9, directory: undefined })

async function onDisk(): Promise<BodyStore> {
  const directory = await temporaryDirectory()
  return new BodyStore({ bodyMemory: 1, spareMemory: 0, totalBodyMemory: 1e9, directory })
}

async function held(body: StreamedBody): Promise<void> {
  const store = await onDisk()
  body.hold(store, 'disk')
  while (!body.complete || store.used > 0) await turn()
}

describe('the memory of a chunk', () => {
  it('is freed as soon as it is on disk', async () => {
    const { body, whole, left } = chunked()
    await held(body)
    expect(left()).toEqual([false, false, false])
    expect((await buffer(body.stream())).equals(whole)).toBe(true)
    body.destroy()
  })

  it('is not freed while a cursor without loans has it', async () => {
    const { body, whole, left } = chunked()
    const cursor = body.cursor(() => {})
    cursor.take()
    while (body.size === 0) await turn()
    cursor.take()
    cursor.close()
    await held(body)
    expect(left()).toEqual([true, false, false])
    expect((await buffer(body.stream())).equals(whole)).toBe(true)
    body.destroy()
  })

  it.each([
    ['does not own its chunks', { owned: false }, () => {}],
    ['has another listener', {}, (source: Readable) => source.on('data', () => {})],
  ])('is not freed if the source %s', async (_, options, listen) => {
    const { source, body, left } = chunked(options)
    listen(source.pause())
    await held(body)
    expect(left()).toEqual([true, true, true])
    body.destroy()
  })

  it('is freed once its borrower is done and no reader can start again', async () => {
    const { body, whole, left } = chunked()
    body.retain(inMemory())
    const reader = body.stream()
    const got: Buffer[] = []
    reader.lend(() => SIZE)
    for await (const chunk of reader) got.push(Buffer.from(chunk))
    expect(Buffer.concat(got).equals(whole)).toBe(true)
    reader.release()
    expect(left()).toEqual([true, true, true])
    body.release()
    // The last chunk is still in use.
    expect(left()).toEqual([false, false, true])
  })

  it('is freed while the body passes through, if it is not retained', async () => {
    const { body, left } = chunked()
    const reader = body.stream()
    body.release()
    reader.lend(() => 0)
    let before: unknown
    for await (const _ of reader) before ??= left()
    expect(before).toEqual([true, true, true])
    reader.release()
    expect(left()).toEqual([false, false, false])
  })

  it('is freed up to the position of the only reader', async () => {
    const { body, left } = chunked()
    body.retain(inMemory())
    const cursor = body.cursor(() => {})
    cursor.borrow()
    while (cursor.take() === 'wait') await turn()
    cursor.release()
    while (cursor.take() !== 'end') await turn()
    expect(left()).toEqual([true, true, true])
    body.release()
    expect(left()).toEqual([false, true, true])
    cursor.release()
    expect(left()).toEqual([false, false, false])
  })

  it('is not freed by a finished reader while another is reading', async () => {
    const { body, whole, left } = chunked()
    body.retain(inMemory())
    const through = body.cursor(() => {})
    through.borrow()
    while (through.take() !== 'end') await turn()
    through.close()
    const slow = body.stream()
    through.release()
    body.release()
    expect(left()).toEqual([true, true, true])
    expect((await buffer(slow)).equals(whole)).toBe(true)
  })

  it('is not freed before a slower reader has read it', async () => {
    const { body, whole, left } = chunked()
    body.retain(inMemory())
    const slow = body.stream()
    const quick = body.stream()
    quick.lend(() => 0)
    expect((await buffer(quick)).length).toBe(whole.length)
    quick.release()
    body.release()
    expect(left()).toEqual([true, true, true])
    expect((await buffer(slow)).equals(whole)).toBe(true)
  })

  it('is freed by the last of two borrowers when it is on disk', async () => {
    const { body, left } = chunked()
    const cursors = [body.cursor(() => {}), body.cursor(() => {})] as const
    for (const cursor of cursors) {
      cursor.borrow()
      while (cursor.take() === 'wait') await turn()
    }
    await held(body)
    expect(left()).toEqual([true, false, false])
    cursors[0].release()
    expect(left()).toEqual([true, false, false])
    cursors[1].release()
    expect(left()).toEqual([false, false, false])
    body.destroy()
  })

  it('is not freed by a finished reader while a closed one still uses it', async () => {
    const { body, left } = chunked()
    body.retain(inMemory())
    const brokenOff = body.cursor(() => {})
    brokenOff.borrow()
    while (brokenOff.take() === 'wait') await turn()
    brokenOff.close()
    const through = body.cursor(() => {})
    through.borrow()
    while (through.take() !== 'end') await turn()
    through.release()
    body.release()
    expect(left()).toEqual([true, false, false])
    brokenOff.release()
    expect(left()).toEqual([false, false, false])
  })
})
