import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { toReplayBody } from '../body/body-source.ts'
import { BodyStore } from '../body/body-store.ts'
import { WholeBody } from '../body/whole-body.ts'
import { CONTENT_TYPE, ENTRIES, imageBytes, immichBody, multipart } from '../testing/immich-requests.ts'
import { PartBody, readEntries } from './part-body.ts'

const TWO = { ...ENTRIES.indexing, ...ENTRIES.faces }
const TASKS = ['clip', 'facial-recognition']

/** A body that arrives in pieces of a size. */
function arriving(bytes: Buffer, size: number) {
  const source = new PassThrough()
  for (let at = 0; at < bytes.length; at += size) source.write(bytes.subarray(at, at + size))
  source.end()
  return toReplayBody(source, { maxSize: Number.POSITIVE_INFINITY })
}

describe('the entries of a request', () => {
  const read = (body: Buffer, tasks = TASKS, contentType: string | undefined = CONTENT_TYPE) =>
    readEntries(new WholeBody(body, undefined), contentType, tasks, undefined)

  it('are found by task, in the order of the request', async () => {
    const body = immichBody(TWO, imageBytes(500))
    const written = await read(body, [...TASKS].reverse())
    const text = JSON.stringify(TWO)
    expect(body.toString('latin1', written?.start, written?.end)).toBe(text)
    expect(
      [...(written?.byTask ?? [])].map(([task, entries]) => [task, JSON.parse(entries.toString())]),
    ).toEqual([
      ['clip', ENTRIES.indexing],
      ['facial-recognition', ENTRIES.faces],
    ])
  })

  it('are the last ones that the router has read', async () => {
    const first = { header: 'entries', content: JSON.stringify(ENTRIES.ocr) }
    const second = { header: 'entries', content: JSON.stringify(TWO) }
    const body = multipart([first, second, { header: 'text', content: 'cat' }])
    expect((await read(body))?.start).toBe(body.lastIndexOf(second.content))
  })

  it.each([
    ['tasks that are not in them', immichBody(TWO, imageBytes(500)), ['clip', 'ocr'], CONTENT_TYPE],
    ['no entries', multipart([{ header: 'text', content: 'cat' }]), TASKS, CONTENT_TYPE],
    ['another format', Buffer.from('entries={}'), TASKS, 'application/x-www-form-urlencoded'],
    ['no content type', immichBody(TWO), TASKS, ''],
  ])('are not found with %s', async (_, body, tasks, contentType) => {
    expect(await read(body, tasks, contentType)).toBeUndefined()
  })
})

describe('the body of a part', () => {
  const bytes = immichBody(TWO, imageBytes(3_000))
  const wanted = immichBody('faces', imageBytes(3_000))

  it.each([1, 7, 100, 1_000, 10_000])(
    'has the bytes of the request with other entries, in pieces of %i',
    async (size) => {
      const body = arriving(bytes, size)
      const written = await readEntries(body, CONTENT_TYPE, TASKS, undefined)
      const own = written?.byTask.get('facial-recognition')
      if (written === undefined || own === undefined) throw new Error('the entries were not found')
      const part = new PartBody(body, written, own, () => {})
      expect([
        part.size,
        (await buffer(part.stream())).equals(wanted),
        (await buffer(part.stream())).equals(wanted),
      ]).toEqual([wanted.length, true, true])
      for (const most of [0, 10, written.start, written.start + 5, 1_000, wanted.length, 9_999])
        expect(part.beginning(most).equals(wanted.subarray(0, most))).toBe(true)
    },
  )

  it('is released once, and then has no more streams', async () => {
    const store = new BodyStore({
      bodyMemory: 1e6,
      spareMemory: 1e6,
      totalBodyMemory: 1e6,
      directory: undefined,
    })
    const body = new WholeBody(bytes, store)
    const written = await readEntries(body, CONTENT_TYPE, TASKS, undefined)
    if (written === undefined) throw new Error('the entries were not found')
    const released = vi.fn()
    const part = new PartBody(body, written, Buffer.from('{}'), released)
    part.destroy()
    part.release()
    expect(released).toHaveBeenCalledOnce()
    expect(() => part.stream()).toThrow('released')
    body.release()
  })
})
