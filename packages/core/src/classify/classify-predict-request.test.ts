import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BOUNDARY,
  CONTENT_TYPE,
  ENTRIES,
  imageBytes,
  immichBody,
  immichForm,
  multipart,
} from '../../../../test/support/predict-body.ts'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError } from '../errors.ts'
import type { Classification, UnclassifiedReason } from './classification.ts'
import { classifyPredictRequest } from './classify-predict-request.ts'

const contentType = CONTENT_TYPE
const CLIP = JSON.stringify(ENTRIES.textSearch)
const textSearch = {
  classified: true,
  entries: [{ task: 'clip', type: 'textual', model: 'ViT-B-32__openai', options: { language: 'en' } }],
  tasks: ['clip'],
  input: 'text',
}

async function classify(body: Uint8Array, type: string | null = contentType): Promise<Classification> {
  const options = type === null ? {} : { contentType: type }
  return (await classifyPredictRequest(body, options)).classification
}

/** A stream that gives one chunk a turn, as a socket does. */
async function* chunksOf(body: Buffer, ...cuts: number[]): AsyncGenerator<Buffer> {
  let from = 0
  for (const cut of [...cuts, body.length]) {
    yield body.subarray(from, cut)
    from = cut
  }
}

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
    // Readable.from() reads ahead by a chunk or two; nobody asked it to.
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

  it('refuses what is none of these', async () => {
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

  it('says when the stream fails before the job is known', async () => {
    async function* broken() {
      yield immichBody('textSearch', 'cat').subarray(0, 40)
      throw new Error('cable pulled')
    }
    await expect(classifyPredictRequest(broken(), { contentType })).rejects.toThrow(BodyFailedError)
    await expect(classifyPredictRequest(broken(), { contentType })).rejects.toThrow(/cable pulled/)
  })
})

const image = (content: string | Buffer = 'IMG') => ({ header: 'image', content })
const FIELD_IMAGE = 'Content-Disposition: form-data; name="image"'
const FILE_ENTRIES = 'Content-Disposition: form-data; name="entries"; filename="e.json"'
const entries = (content: string = CLIP) => ({ header: 'entries', content })
const text = (content = 'cat') => ({ header: 'text', content })

const classified: [string, Buffer, string][] = [
  ['payload first', multipart([text(), entries()]), contentType],
  [
    'other parts around',
    multipart([{ header: 'a', content: '1' }, entries(), { header: 'b', content: '2' }, text()]),
    contentType,
  ],
  [
    'unquoted names',
    multipart([
      { header: 'Content-Disposition: form-data; name=entries', content: CLIP },
      { header: 'Content-Disposition: form-data; name=text', content: 'x' },
    ]),
    contentType,
  ],
  [
    'headers in another case',
    multipart([
      { header: 'CONTENT-DISPOSITION: Form-Data; NAME="entries"', content: CLIP },
      { header: 'content-disposition: form-data; Name=text', content: 'x' },
    ]),
    contentType,
  ],
  [
    'field names in another case, which are other fields',
    multipart([entries(), text(), { header: 'Entries', content: '{}' }, { header: 'IMAGE', content: 'x' }]),
    contentType,
  ],
  [
    'the last of several entries',
    multipart([entries('{"ocr":{}}'), entries(''), entries(), text()]),
    contentType,
  ],
  [
    'the last of several entries, behind the text',
    multipart([entries('{"ocr":{}}'), text(), entries()]),
    contentType,
  ],
  ['an empty image field', multipart([entries(), { header: FIELD_IMAGE, content: '' }, text()]), contentType],
  [
    'name*, which form-data does not have',
    multipart([
      { header: 'Content-Disposition: form-data; name="entries"; name*=utf-8\'\'image', content: CLIP },
      text(),
    ]),
    contentType,
  ],
  [
    '150 other parts',
    multipart([...Array.from({ length: 150 }, () => ({ header: 'x', content: '' })), entries(), text()]),
    contentType,
  ],
  [
    'a charset',
    multipart([
      {
        header:
          'Content-Disposition: form-data; name="entries"\r\nContent-Type: application/json; charset=utf-8',
        content: CLIP,
      },
      text(),
    ]),
    contentType,
  ],
  [
    'a Latin-1 parameter',
    multipart([
      { header: 'Content-Disposition: form-data; name="entries"; x="n\xe4me; name=text"', content: CLIP },
      text(),
    ]),
    contentType,
  ],
  [
    'line ends before the first boundary',
    Buffer.concat([Buffer.from('\n\r\r\n'), multipart([entries(), text()])]),
    contentType,
  ],
  ['an epilogue', multipart([text(), entries()], { epilogue: `\r\nbye\r\n--${BOUNDARY}\r\n` }), contentType],
  [
    'half a final boundary',
    multipart([entries(), text(), { header: 'x', content: '' }], { close: false }),
    contentType,
  ],
  [
    'an RFC 2046 boundary',
    multipart([entries(), text()], { boundary: "'()+_,-./:=? aZ9" }),
    `multipart/form-data; boundary="'()+_,-./:=? aZ9"`,
  ],
  [
    'a boundary of 256',
    multipart([entries(), text()], { boundary: 'b'.repeat(256) }),
    `multipart/form-data; boundary=${'b'.repeat(256)}`,
  ],
  ['a boundary of 1', multipart([entries(), text()], { boundary: '-' }), 'multipart/form-data; boundary=-'],
  [
    'a boundary with stars',
    multipart([entries(), text()], { boundary: '*****' }),
    'multipart/form-data; boundary=*****',
  ],
  [
    'an odd content type',
    multipart([entries(), text()]),
    `Multipart/Form-Data ; charset=utf-8; BOUNDARY="${BOUNDARY}"`,
  ],
  [
    'the last of two boundary parameters',
    multipart([entries(), text()]),
    `multipart/form-data; boundary=other; boundary=${BOUNDARY}`,
  ],
  ['a charset of the form', multipart([entries(), text()]), `${CONTENT_TYPE}; charset=us-ascii`],
  [
    'a boundary that begins a longer one',
    multipart([{ header: 'x', content: '\r\n--bb\r\nz' }, entries(), text()], { boundary: 'b' }),
    'multipart/form-data; boundary=b',
  ],
  ['a search for "ocr"', multipart([entries(), text('"ocr" {"ocr":{}} "facial-recognition"')]), contentType],
]

describe('is classified', () => {
  it.each(classified)('%s', async (_, body, type) => {
    expect(await classify(body, type)).toEqual(textSearch)
  })

  it.each(classified)('%s, cut at every byte', async (_, body, type) => {
    const options = { contentType: type }
    for (let cut = 1; cut < body.length; cut++) {
      const { classification } = await classifyPredictRequest(chunksOf(body, cut), options)
      if (!classification.classified) expect.fail(`cut at ${cut}: ${classification.reason}`)
      expect(classification).toEqual(textSearch)
    }
    const singles = Array.from({ length: body.length - 1 }, (_, i) => i + 1)
    const { classification, body: replay } = await classifyPredictRequest(chunksOf(body, ...singles), options)
    expect(classification).toEqual(textSearch)
    expect((await buffer(replay.stream())).equals(body)).toBe(true)
  })

  it('an image whose bytes hold the header of a text part', async () => {
    for (const parts of [
      [entries(), image(imageBytes(5000))],
      [image(imageBytes(5000)), entries()],
    ]) {
      expect(await classify(multipart(parts))).toMatchObject({ input: 'image' })
    }
  })

  it('an image and a text: the server uses the image', async () => {
    for (const parts of [
      [entries(), text(), image()],
      [entries(), image(), text()],
      [image(), text(), entries()],
      [text(), entries(), { header: FIELD_IMAGE, content: 'x' }],
    ]) {
      expect(await classify(multipart(parts))).toEqual({ ...textSearch, input: 'image' })
    }
  })

  it('a field in the charset that the content type names, or else in Latin-1', async () => {
    const body = (name: string) =>
      multipart([entries(`{"clip":{"textual":{"modelName":"${name}"}}}`), text()])
    const model = async (name: Buffer, type: string) =>
      (await classify(body(name.toString('latin1')), type)).entries[0]?.model
    const utf8 = Buffer.from('größe')
    const latin1 = Buffer.from('größe', 'latin1')
    expect(await model(utf8, contentType)).toBe('größe')
    expect(await model(latin1, contentType)).toBe('größe')
    expect(await model(latin1, `${contentType}; charset=iso-8859-1`)).toBe('größe')
    expect(await model(utf8, `${contentType}; charset=ascii`)).toBe(utf8.toString('latin1'))
  })

  it('options that are no object, and an empty model name', async () => {
    for (const options of ['[]', 'null', '7', '"x"'])
      expect(
        await classify(
          multipart([entries(`{"clip":{"textual":{"modelName":"","options":${options}}}}`), text()]),
        ),
      ).toEqual({
        ...textSearch,
        entries: [{ task: 'clip', type: 'textual', model: '', options: {} }],
      })
  })

  it.each(['identity', 'Identity', ' IDENTITY ', '', 'identity, identity'])(
    'a body of content encoding %j',
    async (encoding) => {
      const headers = { 'content-type': contentType, 'content-encoding': encoding }
      const request = Object.assign(Readable.from([multipart([entries(), text()])], { objectMode: false }), {
        headers,
      })
      expect((await classifyPredictRequest(request)).classification).toEqual(textSearch)
    },
  )

  it('several tasks, and names that nobody knows yet', async () => {
    const body = multipart([
      entries(
        '{"clip":{"visual":{"modelName":"a"}},"ocr":{"detection":{"modelName":"b"}},"new":{"odd":{"modelName":"c","x":1}}}',
      ),
      image(),
    ])
    expect(await classify(body)).toMatchObject({
      tasks: ['clip', 'ocr', 'new'],
      entries: [{ model: 'a' }, { model: 'b' }, { model: 'c' }],
    })
  })

  it('names that are traps in JavaScript, as data', async () => {
    const json =
      '{"__proto__":{"constructor":{"modelName":"toString","options":{"__proto__":{"polluted":true}}}}}'
    const result = await classify(multipart([entries(json), text()]))
    expect(result.entries[0]).toMatchObject({ task: '__proto__', type: 'constructor', model: 'toString' })
    expect(Object.keys(result.entries[0]?.options ?? {})).toEqual(['__proto__'])
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  it('without a payload', async () => {
    expect(await classify(multipart([entries()]))).toEqual({ ...textSearch, input: undefined })
    expect(await classify(multipart([entries(), text('')]))).toEqual({ ...textSearch, input: undefined })
    const unfinished = multipart([entries(), text()], { close: false })
    expect(await classify(unfinished)).toEqual({ ...textSearch, input: undefined })
    expect(await classify(multipart([entries(), { header: 'video', content: 'x' }]))).toEqual({
      ...textSearch,
      input: undefined,
    })
  })
})

const large = 'x'.repeat(64 * 1024)
const withOptions = (options: string) => `{"clip":{"textual":{"modelName":"m","options":${options}}}}`
const types = (count: number) =>
  `{"clip":{${Array.from({ length: count }, (_, i) => `"t${i}":{"modelName":"m"}`)}}}`
const unclassifiedBodies: [UnclassifiedReason, string, Buffer, string | null][] = [
  ['not-multipart', 'JSON', Buffer.from(CLIP), 'application/json'],
  [
    'not-multipart',
    'another multipart',
    multipart([entries(), text()]),
    `multipart/mixed; boundary=${BOUNDARY}`,
  ],
  ['not-multipart', 'a broken content type', multipart([entries(), text()]), 'multipart'],
  ['not-multipart', 'no content type', multipart([entries(), text()]), null],
  ['no-boundary', 'no parameter', multipart([entries(), text()]), 'multipart/form-data'],
  [
    'boundary-too-long',
    '257 characters',
    multipart([entries(), text()]),
    `multipart/form-data; boundary=${'b'.repeat(257)}`,
  ],
  ['unknown-charset', 'UTF-16', multipart([entries(), text()]), `${CONTENT_TYPE}; charset=utf-16`],
  [
    'too-many-header-parameters',
    '17 in the content type',
    multipart([entries(), text()]),
    `${CONTENT_TYPE}${'; x=y'.repeat(16)}`,
  ],
  [
    'too-many-header-parameters',
    '17 in a part',
    multipart([
      { header: `Content-Disposition: form-data; name="x"${'; x=y'.repeat(16)}`, content: '' },
      entries(),
      text(),
    ]),
    contentType,
  ],
  ['no-entries', 'payload alone', multipart([text()]), contentType],
  [
    'too-large-entries',
    'over 64 KiB',
    multipart([entries(JSON.stringify({ a: large })), text()]),
    contentType,
  ],
  [
    'too-large-entries',
    'over 64 KiB, payload first',
    multipart([text(), entries(JSON.stringify({ a: large }))]),
    contentType,
  ],
  [
    'too-large-entries',
    'over 64 KiB, before an image',
    multipart([entries(`${CLIP}${large}`), image()]),
    contentType,
  ],
  ['too-many-entries', '65', multipart([entries(types(65)), text()]), contentType],
  [
    'too-long-name',
    'a task',
    multipart([entries(`{"${'t'.repeat(257)}":{"x":{"modelName":"m"}}}`), text()]),
    contentType,
  ],
  [
    'too-long-name',
    'a type',
    multipart([entries(`{"t":{"${'x'.repeat(257)}":{"modelName":"m"}}}`), text()]),
    contentType,
  ],
  [
    'too-long-name',
    'a model',
    multipart([entries(`{"t":{"x":{"modelName":"${'m'.repeat(257)}"}}}`), text()]),
    contentType,
  ],
  [
    'too-deep-entries',
    '33 levels',
    multipart([entries(withOptions(`${'['.repeat(30)}${']'.repeat(30)}`)), text()]),
    contentType,
  ],
  ['too-deep-entries', 'no end of levels', multipart([entries('['.repeat(60_000)), text()]), contentType],
  [
    'too-many-values',
    'over 1,024',
    multipart([entries(withOptions(`{"a":[1${',1'.repeat(1_024)}]}`)), text()]),
    contentType,
  ],
  [
    'entries-in-file',
    'a filename',
    multipart([{ header: FILE_ENTRIES, content: CLIP }, text()]),
    contentType,
  ],
  [
    'entries-in-file',
    'a filename, before an image',
    multipart([entries(), { header: FILE_ENTRIES, content: CLIP }, image()]),
    contentType,
  ],
  [
    'no-entries',
    'a name in another case',
    multipart([{ header: 'Entries', content: CLIP }, text()]),
    contentType,
  ],
  ['no-entries', 'an empty form', Buffer.from(`--${BOUNDARY}--\r\n`), contentType],
  ['invalid-json', 'a byte order mark', multipart([entries(`\xef\xbb\xbf${CLIP}`), text()]), contentType],
  ['invalid-json', 'the last of several entries', multipart([entries(), text(), entries('{')]), contentType],
  ['invalid-json', 'a broken value', multipart([entries('{"clip":'), text()]), contentType],
  ['invalid-json', 'an empty value', multipart([entries(''), text()]), contentType],
  ...[
    '[]',
    '"clip"',
    'null',
    '7',
    '{}',
    '{"clip":{}}',
    '{"clip":7}',
    '{"clip":[]}',
    '{"clip":{"textual":null}}',
    '{"clip":{"textual":{}}}',
    '{"clip":{"textual":{"modelName":7}}}',
  ].map((json): [UnclassifiedReason, string, Buffer, string] => [
    'invalid-entries',
    json,
    multipart([entries(json), text()]),
    contentType,
  ]),
  [
    'too-many-parts',
    '1,001 fields',
    multipart([...Array.from({ length: 1_001 }, () => ({ header: 'x', content: '' })), entries(), text()]),
    contentType,
  ],
  [
    'too-large-part-header',
    'a line over 4,224 bytes',
    multipart([{ header: `X: ${'y'.repeat(4_222)}`, content: '' }, entries()]),
    contentType,
  ],
  [
    'too-large-part-header',
    '9 lines',
    multipart([
      { header: `${'X: y\r\n'.repeat(8)}Content-Disposition: form-data; name="x"`, content: '' },
      entries(),
    ]),
    contentType,
  ],
  [
    'too-large-part-header',
    'without end',
    multipart([{ header: `X: ${'y'.repeat(200_000)}`, content: '' }], { close: false }),
    contentType,
  ],
  [
    'malformed-multipart',
    'a part without a name',
    multipart([{ header: 'X: y', content: '' }, entries(), text()]),
    contentType,
  ],
  [
    'malformed-multipart',
    'a part without a header',
    Buffer.from(`--${BOUNDARY}\r\n\r\nfree\r\n--${BOUNDARY}--`),
    contentType,
  ],
  [
    'malformed-multipart',
    'a folded header',
    multipart([{ header: 'Content-Disposition: form-data;\r\n name="x"', content: '' }, entries()]),
    contentType,
  ],
  [
    'malformed-multipart',
    'padding behind the boundary',
    Buffer.from(`--${BOUNDARY} \r\nContent-Disposition: form-data; name="x"\r\n\r\n`),
    contentType,
  ],
  [
    'malformed-multipart',
    'another boundary',
    multipart([entries(), text()], { boundary: 'other' }),
    contentType,
  ],
  [
    'malformed-multipart',
    'garbage behind the boundary',
    Buffer.from(`--${BOUNDARY}garbage\r\n\r\n`),
    contentType,
  ],
  [
    'malformed-multipart',
    'a part without an end of header',
    Buffer.from(
      `--b\r\nfoo\r\n--b\r\nContent-Disposition: form-data; name="entries"\r\n\r\n${CLIP}\r\n--b--`,
    ),
    'multipart/form-data; boundary=b',
  ],
  [
    'malformed-multipart',
    'a preamble',
    multipart([entries(), text()], { preamble: 'This is a message in MIME format.' }),
    contentType,
  ],
  ['truncated', 'an empty body', Buffer.alloc(0), contentType],
  ['truncated', 'in the middle of entries', multipart([entries(), text()]).subarray(0, 150), contentType],
  [
    'truncated',
    'in the middle of the payload, entries to come',
    multipart([image('x')], { close: false }),
    contentType,
  ],
]

describe('is unclassified', () => {
  it.each(unclassifiedBodies)('%s: %s', async (reason, _, body, type) => {
    expect(await classify(body, type)).toEqual({
      classified: false,
      entries: [],
      tasks: [],
      input: undefined,
      reason,
    })
    const options = type === null ? {} : { contentType: type }
    const halves = await classifyPredictRequest(chunksOf(body, Math.floor(body.length / 2)), options)
    expect(halves.classification.reason).toBe(reason)
    expect((await buffer(halves.body.stream())).equals(body)).toBe(true)
  })

  it('content-encoded: the parts cannot be seen', async () => {
    const request = new Request('http://r/', {
      method: 'POST',
      body: 'x',
      headers: { 'content-encoding': 'gzip', 'content-type': contentType },
    })
    expect((await classifyPredictRequest(request)).classification.reason).toBe('content-encoded')
  })
})

describe('whatever arrives', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\r\n',
      '--',
      `--${BOUNDARY}`,
      `\r\n--${BOUNDARY}`,
      '\r\n\r\n',
      'Content-Disposition: form-data; name="entries"',
      'name=text',
      CLIP,
      '"',
      ';',
      '\0',
      ':',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )

  it('gets the same verdict however it is cut, and every byte back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 14 }),
        fc.array(fc.nat(400), { maxLength: 5 }),
        fc.boolean(),
        async (pieces, cuts, typed) => {
          const bytes = Buffer.from(pieces.join(''), 'latin1')
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

  it('gets the same verdict where most of it was seen before', async () => {
    const whole = multipart([
      { header: 'Content-Disposition: form-data; name="entries"', content: CLIP },
      { header: 'Content-Disposition: form-data; name="text"', content: 'cat' },
    ])
    const verdict = await classify(whole)
    expect(await classify(whole)).toEqual(verdict)
    expect(Object.isFrozen(verdict.entries[0]?.options)).toBe(true)
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(30), piece, async (at, removed, inserted) => {
        const rest = whole.subarray(Math.min(at + removed, whole.length))
        const bytes = Buffer.concat([whole.subarray(0, at), Buffer.from(inserted, 'latin1'), rest])
        // The first chunk of one byte is of no use to whoever remembers.
        const parts = await classifyPredictRequest(chunksOf(bytes, Math.min(1, bytes.length)), {
          contentType,
        })
        expect(await classify(bytes)).toEqual(parts.classification)
      }),
      { numRuns: 2000 },
    )
  })
})
