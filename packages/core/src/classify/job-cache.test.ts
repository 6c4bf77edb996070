import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLIP, chunksOf } from '../../../../test/support/classify.ts'
import { anyPiece } from '../../../../test/support/form-pieces.ts'
import { defaults } from '../config/defaults.ts'
import { BOUNDARY, CONTENT_TYPE, multipart } from '../testing/immich-requests.ts'
import { Classifier } from './classify-predict-request.ts'
import { parseEntries } from './entries.ts'
import { JobCache } from './job-cache.ts'

const ENTRIES_HEADER = 'Content-Disposition: form-data; name="entries"'
const TEXT_HEADER = 'Content-Disposition: form-data; name="text"'
const IMAGE_HEADER = 'Content-Disposition: form-data; name="image"; filename="blob"'
const entries = { header: ENTRIES_HEADER, content: CLIP }
const PART = Buffer.from(`\r\n${ENTRIES_HEADER}\r\n\r\n${CLIP}`)

/** A cache that knows a text search's entries and all headers. */
function filled(): JobCache {
  const cache = new JobCache(defaults.limits)
  const parsed = parseEntries(CLIP, defaults.limits)
  if (parsed.ok) cache.addEntries(PART, parsed)
  for (const header of [ENTRIES_HEADER, TEXT_HEADER, IMAGE_HEADER]) cache.partHeader(header)
  return cache
}

function firstChunk(payload: { header: string; content: string }, from = [entries]): Buffer {
  return multipart([...from, payload])
}

describe('JobCache', () => {
  it.each([
    ['a text', firstChunk({ header: TEXT_HEADER, content: 'cat' }), 'text'],
    ['an image', firstChunk({ header: IMAGE_HEADER, content: 'IMG' }), 'image'],
    [
      'an image that is not complete',
      firstChunk({ header: IMAGE_HEADER, content: 'IMG' }).subarray(0, -20),
      'image',
    ],
    ['an empty text', firstChunk({ header: TEXT_HEADER, content: '' }), undefined],
    [
      'a text that is not complete',
      firstChunk({ header: TEXT_HEADER, content: 'cat' }).subarray(0, -4),
      undefined,
    ],
    [
      'a text before an image',
      multipart([entries, { header: TEXT_HEADER, content: 'cat' }, { header: IMAGE_HEADER, content: 'IMG' }]),
      undefined,
    ],
    [
      'unknown entries',
      firstChunk({ header: TEXT_HEADER, content: 'cat' }, [{ ...entries, content: '{}' }]),
      undefined,
    ],
    ['an unknown header', firstChunk({ header: 'image', content: 'IMG' }), undefined],
  ])('classifies %s', (_, chunk, input) => {
    expect(filled().classifyFirstChunk(chunk, BOUNDARY)?.input).toBe(input)
  })

  it('shares frozen entries', () => {
    const found = filled().findEntries(PART)
    expect(found?.entries[0]?.model).toBe('ViT-B-32__openai')
    expect(Object.isFrozen(found?.entries[0]?.options)).toBe(true)
  })

  it('stays small', () => {
    const cache = filled()
    const parsed = parseEntries(CLIP, defaults.limits)
    if (!parsed.ok) expect.fail('it is valid')
    cache.addEntries(Buffer.alloc(513), parsed)
    expect(cache.findEntries(Buffer.alloc(513))).toBeUndefined()
    for (let size = 0; size < 256; size++) cache.addEntries(Buffer.alloc(size), parsed)
    expect([cache.findEntries(PART), cache.findEntries(Buffer.alloc(0))]).toEqual([undefined, undefined])
    expect(cache.findEntries(Buffer.alloc(255))).toBeDefined()
  })
})

describe('a classifier with a cache', () => {
  it('gives the same result as without, for bodies that resemble a known one', async () => {
    const classifier = new Classifier(defaults.limits)
    const classify = async (bytes: Buffer) =>
      (await classifier.classify(bytes, { contentType: CONTENT_TYPE })).classification
    const whole = multipart([entries, { header: TEXT_HEADER, content: 'cat' }])
    await classify(whole)
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(30), anyPiece, async (at, removed, inserted) => {
        const rest = whole.subarray(Math.min(at + removed, whole.length))
        const bytes = Buffer.concat([whole.subarray(0, at), Buffer.from(inserted, 'latin1'), rest])
        // The cache cannot use a first chunk of one byte.
        const parts = await classifier.classify(chunksOf(bytes, Math.min(1, bytes.length)), {
          contentType: CONTENT_TYPE,
        })
        expect(await classify(bytes)).toEqual(parts.classification)
      }),
      { numRuns: 2000 },
    )
  })
})
