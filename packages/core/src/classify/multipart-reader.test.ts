import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { CLIP, chunksOf, classify, part, textSearch } from '../../../../test/support/classify.ts'
import { defaults } from '../config/defaults.ts'
import { BOUNDARY, CONTENT_TYPE, imageBytes, multipart } from '../testing/immich-requests.ts'
import { Classifier, classifyPredictRequest } from './classify-predict-request.ts'

const contentType = CONTENT_TYPE
const { entries, text, image } = part
const FIELD_IMAGE = 'Content-Disposition: form-data; name="image"'

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
    'the last of several entries, after the text',
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
    // One cache of headers for all cuts: parsing them each time takes most of the time.
    const classifier = new Classifier(defaults.limits)
    for (let cut = 1; cut < body.length; cut++) {
      const { classification } = await classifier.classify(chunksOf(body, cut), options)
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

  it('options that are not an object, and an empty model name', async () => {
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

  it('several tasks, and unknown names', async () => {
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

  it('names with a meaning in JavaScript, as data', async () => {
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
