import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { CLIP, chunksOf, classify, part } from '../../../../test/support/classify.ts'
import { BOUNDARY, CONTENT_TYPE, multipart } from '../testing/immich-requests.ts'
import type { UnclassifiedReason } from './classification.ts'
import { classifyPredictRequest } from './classify-predict-request.ts'

const contentType = CONTENT_TYPE
const { entries, text, image } = part
const FILE_ENTRIES = 'Content-Disposition: form-data; name="entries"; filename="e.json"'

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
    'padding after the boundary',
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
    'garbage after the boundary',
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

  it('content-encoded: the parts cannot be read', async () => {
    const request = new Request('http://r/', {
      method: 'POST',
      body: 'x',
      headers: { 'content-encoding': 'gzip', 'content-type': contentType },
    })
    expect((await classifyPredictRequest(request)).classification.reason).toBe('content-encoded')
  })
})
