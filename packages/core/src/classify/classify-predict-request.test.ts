import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunksOf, classify, textSearch } from '../../../../test/support/classify.ts'
import { anyPiece } from '../../../../test/support/form-pieces.ts'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError } from '../errors.ts'
import { CONTENT_TYPE, imageBytes, immichBody, immichForm } from '../testing/immich-requests.ts'
import { classifyPredictRequest } from './classify-predict-request.ts'

const contentType = CONTENT_TYPE

describe("Immich's jobs", () => {
  it('text search', async () => {
    expect(await classify(immichBody('textSearch', 'cat'))).toEqual(textSearch)
  })

  it('faces: two entries of one task', async () => {
    expect(await classify(immichBody('faces', imageBytes(1000)))).toEqual({
      classified: true,
      entries: [
        { task: 'facial-recognition', type: 'detection', model: 'buffalo_l', options: { minScore: 0.7 } },
        { task: 'facial-recognition', type: 'recognition', model: 'buffalo_l', options: {} },
      ],
      tasks: ['facial-recognition'],
      input: 'image',
    })
  })

  it('as Node itself builds them', async () => {
    const request = new Request('http://router/predict', {
      method: 'POST',
      body: immichForm('ocr', imageBytes(70_000)),
    })
    const { classification, body } = await classifyPredictRequest(request)
    expect(classification).toMatchObject({ tasks: ['ocr'], input: 'image' })
    expect((await buffer(body.stream())).includes(imageBytes(70_000))).toBe(true)
  })
})

describe('what it reads', () => {
  it('decides on the first chunk when entries come first, and reads no further', async () => {
    let given = 0
    const first = immichBody('indexing', imageBytes(100)).subarray(0, 300)
    async function* endless() {
      yield first
      for (;;) {
        given++
        yield Buffer.alloc(65_536)
      }
    }
    const { classification, body } = await classifyPredictRequest(endless(), {
      contentType,
      maxBodySize: Infinity,
    })
    expect(classification).toMatchObject({ tasks: ['clip'], input: 'image' })
    expect(body.size).toBe(first.length)
    // Readable.from() reads ahead by a chunk or two.
    expect(given).toBeLessThan(3)
    body.destroy()
  })

  it.each([
    ['a Node stream', (body: Buffer) => Readable.from([body], { objectMode: false })],
    ['a web stream', (body: Buffer) => new Blob([new Uint8Array(body)]).stream()],
    ['an async iterable', (body: Buffer) => chunksOf(body, 10, 100)],
    ['an iterable', (body: Buffer) => [body.subarray(0, 50), body.subarray(50)]],
    ['a Uint8Array', (body: Buffer) => new Uint8Array(body)],
    [
      'a web Request',
      (body: Buffer) => new Request('http://r/', { method: 'POST', body: new Uint8Array(body) }),
    ],
  ])('%s', async (_, make) => {
    const bytes = immichBody('indexing', imageBytes(200_000))
    const { classification, body } = await classifyPredictRequest(make(bytes), { contentType })
    expect(classification).toMatchObject({ classified: true, input: 'image' })
    expect((await buffer(body.stream())).equals(bytes)).toBe(true)
    expect((await buffer(body.stream())).equals(bytes)).toBe(true)
    body.release()
    expect(() => body.stream()).toThrow(BodyReleasedError)
  })

  it('rejects other input', async () => {
    await expect(classifyPredictRequest(7 as never)).rejects.toThrow(TypeError)
  })

  it('gives the whole body to readers of different speed', async () => {
    const bytes = immichBody('indexing', imageBytes(300_000))
    const { body } = await classifyPredictRequest(chunksOf(bytes, 1000, 50_000, 200_000), { contentType })
    const slow = body.stream()
    body.stream().resume()
    const all = await Promise.all([buffer(body.stream()), buffer(slow)])
    expect(all.every((copy) => copy.equals(bytes))).toBe(true)
  })

  it('fails at the limit, or at once when the length is declared', async () => {
    const bytes = immichBody('indexing', imageBytes(5000))
    const { body } = await classifyPredictRequest(chunksOf(bytes, 1000), { contentType, maxBodySize: 2000 })
    await expect(buffer(body.stream())).rejects.toThrow(BodyTooLargeError)
    const request = new Request('http://r/', {
      method: 'POST',
      body: 'x',
      headers: { 'content-length': '9999' },
    })
    await expect(classifyPredictRequest(request, { maxBodySize: 2000 })).rejects.toThrow(/9999 bytes/)
  })

  it('rejects if the stream fails before the job is known', async () => {
    async function* broken() {
      yield immichBody('textSearch', 'cat').subarray(0, 40)
      throw new Error('cable pulled')
    }
    await expect(classifyPredictRequest(broken(), { contentType })).rejects.toThrow(BodyFailedError)
    await expect(classifyPredictRequest(broken(), { contentType })).rejects.toThrow(/cable pulled/)
  })
})

describe('any body', () => {
  it('is classified the same however it is cut, and keeps every byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyPiece, { maxLength: 14 }),
        fc.array(fc.nat(400), { maxLength: 5 }),
        fc.boolean(),
        async (anyPieces, cuts, typed) => {
          const bytes = Buffer.from(anyPieces.join(''), 'latin1')
          const options = typed ? { contentType } : {}
          const whole = await classifyPredictRequest(bytes, options)
          const sorted = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
          const parts = await classifyPredictRequest(chunksOf(bytes, ...sorted), options)
          expect(parts.classification).toEqual(whole.classification)
          expect((await buffer(parts.body.stream())).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
