import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BodyStore } from './body-store.ts'
import { ReplayBody } from './replay-body.ts'

/** More than a stream reads ahead. */
const SIZE = 100_000
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A body of three chunks that nobody else has, what is in them, and how many of them still have their memory. */
function chunked({ owned = true } = {}) {
  const chunks = [1, 2, 3].map((byte) => Buffer.alloc(SIZE, byte))
  const whole = Buffer.concat(chunks)
  const source = Readable.from(chunks, { objectMode: false })
  const body = new ReplayBody(source, { maxSize: 1e9, owned }, true)
  return { source, body, whole, left: () => chunks.map(({ length }) => length > 0) }
}

const inMemory = () =>
  new BodyStore({ bodyMemory: 1e6, spareMemory: 0, totalBodyMemory: 1e9, directory: undefined })

async function onDisk(): Promise<BodyStore> {
  const directory = await mkdtemp(join(tmpdir(), 'spool-test-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return new BodyStore({ bodyMemory: 1, spareMemory: 0, totalBodyMemory: 1e9, directory })
}

async function held(body: ReplayBody): Promise<void> {
  const store = await onDisk()
  body.hold(store, 'disk')
  while (!body.complete || store.used > 0) await turn()
}

describe('the memory of a chunk', () => {
  it('is given back as soon as it is on disk', async () => {
    const { body, whole, left } = chunked()
    await held(body)
    expect(left()).toEqual([false, false, false])
    expect((await buffer(body.stream())).equals(whole)).toBe(true)
    body.destroy()
  })

  it('stays with whoever has taken it', async () => {
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
    ['is somebody else’s', { owned: false }, () => {}],
    ['is listened to by somebody else', {}, (source: Readable) => source.on('data', () => {})],
  ])('is left alone where the source %s', async (_, options, listen) => {
    const { source, body, left } = chunked(options)
    listen(source.pause())
    await held(body)
    expect(left()).toEqual([true, true, true])
    body.destroy()
  })

  it('is given back when whoever borrowed it is done, and nobody can start again', async () => {
    const { body, whole, left } = chunked()
    body.retain(inMemory())
    const reader = body.stream()
    const got: Buffer[] = []
    reader.lend(() => SIZE)
    for await (const chunk of reader) got.push(Buffer.from(chunk))
    expect(Buffer.concat(got).equals(whole)).toBe(true)
    reader.giveBack()
    expect(left()).toEqual([true, true, true])
    body.release()
    // What it has read last, it still uses.
    expect(left()).toEqual([false, false, true])
  })

  it('is given back while the body goes through, where it is not retained', async () => {
    const { body, left } = chunked()
    const reader = body.stream()
    body.release()
    reader.lend(() => 0)
    let before: unknown
    for await (const _ of reader) before ??= left()
    expect(before).toEqual([true, true, true])
    reader.giveBack()
    expect(left()).toEqual([false, false, false])
  })

  it('is given back by the only one who reads, as far as that has come', async () => {
    const { body, left } = chunked()
    body.retain(inMemory())
    const cursor = body.cursor(() => {})
    cursor.borrow()
    while (cursor.take() === 'wait') await turn()
    cursor.giveBack()
    while (cursor.take() !== 'end') await turn()
    expect(left()).toEqual([true, true, true])
    body.release()
    expect(left()).toEqual([false, true, true])
    cursor.giveBack()
    expect(left()).toEqual([false, false, false])
  })

  it('is not given back by one that is through while another is on its way', async () => {
    const { body, whole, left } = chunked()
    body.retain(inMemory())
    const through = body.cursor(() => {})
    through.borrow()
    while (through.take() !== 'end') await turn()
    through.close()
    const slow = body.stream()
    through.giveBack()
    body.release()
    expect(left()).toEqual([true, true, true])
    expect((await buffer(slow)).equals(whole)).toBe(true)
  })

  it('is not given back while another is to come to it', async () => {
    const { body, whole, left } = chunked()
    body.retain(inMemory())
    const slow = body.stream()
    const quick = body.stream()
    quick.lend(() => 0)
    expect((await buffer(quick)).length).toBe(whole.length)
    quick.giveBack()
    body.release()
    expect(left()).toEqual([true, true, true])
    expect((await buffer(slow)).equals(whole)).toBe(true)
  })

  it('is not given back by the first of two that have it when it goes to disk', async () => {
    const { body, left } = chunked()
    const cursors = [body.cursor(() => {}), body.cursor(() => {})] as const
    for (const cursor of cursors) {
      cursor.borrow()
      while (cursor.take() === 'wait') await turn()
    }
    await held(body)
    expect(left()).toEqual([true, false, false])
    cursors[0].giveBack()
    expect(left()).toEqual([true, false, false])
    cursors[1].giveBack()
    expect(left()).toEqual([false, false, false])
    body.destroy()
  })

  it('is not given back by one that is through while one that broke off still uses it', async () => {
    const { body, left } = chunked()
    body.retain(inMemory())
    const brokenOff = body.cursor(() => {})
    brokenOff.borrow()
    while (brokenOff.take() === 'wait') await turn()
    brokenOff.close()
    const through = body.cursor(() => {})
    through.borrow()
    while (through.take() !== 'end') await turn()
    through.giveBack()
    body.release()
    expect(left()).toEqual([true, false, false])
    brokenOff.giveBack()
    expect(left()).toEqual([false, false, false])
  })
})
