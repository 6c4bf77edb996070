import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLIP, chunksOf, textSearch as withText } from '../../../../test/support/classify.ts'
import { defaults } from '../config/defaults.ts'
import type { Classification, UnclassifiedReason } from './classification.ts'
import { classifyPredictRequest } from './classify-predict-request.ts'
import { parseEntries } from './entries.ts'
import { UrlencodedReader } from './urlencoded-reader.ts'

const contentType = 'application/x-www-form-urlencoded'
const entries = `entries=${encodeURIComponent(CLIP)}`
const withoutPayload = { ...withText, input: undefined }
const withImage = { ...withText, input: 'image' }

async function classify(body: string, type = contentType): Promise<Classification> {
  const bytes = Buffer.from(body, 'latin1')
  return (await classifyPredictRequest(bytes, { contentType: type })).classification
}

function parseByteByByte(body: Buffer): Classification {
  const parser = new UrlencodedReader(defaults.limits)
  for (let at = 0; at < body.length; at++) {
    const classification = parser.push(body.subarray(at, at + 1))
    if (classification !== undefined) return classification
  }
  return parser.end()
}

const classified: [string, string, object][] = [
  [
    'as URLSearchParams writes it',
    `${new URLSearchParams({ entries: CLIP, text: 'a red "ocr" car' })}`,
    withText,
  ],
  ['the text first', `text=cat&${entries}`, withText],
  ['no text', entries, withoutPayload],
  ['an image', `${entries}&image=abc`, withImage],
  ['an image and a text', `image=abc&${entries}&text=cat`, withImage],
  ['an empty image and a text', `image=&${entries}&text=cat`, withText],
  ['a text without a value', `text&${entries}`, withoutPayload],
  ['the last of several texts', `text=cat&${entries}&text=`, withoutPayload],
  ['field names in another case', `${entries}&Text=cat&Entries=%7B%7D`, withoutPayload],
  ['the last of several entries', `entries=%7B&entries=&${entries}&text=cat`, withText],
  ['the last of several entries, after the text', `entries=%7B%7D&text=cat&${entries}`, withText],
  ['unencoded braces and quotes', `entries=${CLIP}&text=cat`, withText],
  ['+ for a space', `entries=+${encodeURIComponent(CLIP)}+&text=a+cat`, withText],
  ['percent-encoded names', `%65ntries=${encodeURIComponent(CLIP)}&t%65xt=cat`, withText],
  ['a ; is no separator', `${entries}&x=1;text=cat`, withoutPayload],
  ['empty fields', `&&${entries}&&&=&text=cat&`, withText],
  ['a broken escape elsewhere', `a=%zz%f&${entries}&text=%ff%`, withText],
  ['more = in a value', `a==b=&${entries}&text==`, withText],
  ['names that URLSearchParams would trim', `?text=1&${entries}`, withoutPayload],
]

const large = 'x'.repeat(64 * 1024)
const unclassifiedBodies: [UnclassifiedReason, string, string][] = [
  ['no-entries', 'an empty body', ''],
  ['no-entries', 'text alone', 'text=cat'],
  ['no-entries', 'another case', `Entries=${encodeURIComponent(CLIP)}`],
  ['no-entries', 'a name that begins with ?', `?${entries}`],
  [
    'no-entries',
    'multipart in disguise',
    `--b\r\nContent-Disposition: form-data; name="entries"\r\n\r\n${CLIP}`,
  ],
  ['invalid-json', 'an empty value', 'entries=&text=cat'],
  ['invalid-json', 'no value', 'entries&text=cat'],
  ['invalid-json', 'the last of several entries', `${entries}&entries=%7B`],
  ['invalid-json', 'a body that breaks off', entries.slice(0, 40)],
  ['invalid-entries', 'no job', 'entries=%7B%7D&text=cat'],
  ['too-large-entries', 'over 64 KiB', `entries=${large}x`],
  ['too-large-entries', 'over 64 KiB when it is decoded', `entries=${'%41'.repeat(65_537)}`],
  ['too-many-parts', '1,001 fields', `${'a&&'.repeat(1_000)}${entries}`],
]

describe('a urlencoded body', () => {
  it.each(classified)('%s, cut at every byte', async (_, text, expected) => {
    const body = Buffer.from(text, 'latin1')
    expect(await classify(text)).toEqual(expected)
    for (let cut = 1; cut < body.length; cut++) {
      const { classification } = await classifyPredictRequest(chunksOf(body, cut), { contentType })
      expect(classification, `cut at ${cut}`).toEqual(expected)
    }
    const singles = Array.from({ length: body.length - 1 }, (_, i) => i + 1)
    const { classification, body: replay } = await classifyPredictRequest(chunksOf(body, ...singles), {
      contentType,
    })
    expect(classification).toEqual(expected)
    expect((await buffer(replay.stream())).equals(body)).toBe(true)
  })

  it.each([
    'Application/X-WWW-Form-URLEncoded',
    'application/x-www-form-urlencoded; charset=utf-8',
    'application/x-www-form-urlencoded;charset=UTF-8;boundary=b',
    ' application/x-www-form-urlencoded ; x',
  ])('is known by its content type: %j', async (type) => {
    expect(await classify(`${entries}&text=cat`, type)).toEqual(withText)
  })

  it.each(['application/x-www-form-urlencoded-v2', 'text/x-www-form-urlencoded', 'application/json'])(
    'is not read as a form if its content type is %s',
    async (type) => {
      expect(await classify(`${entries}&text=cat`, type)).toMatchObject({ reason: 'not-multipart' })
    },
  )

  it('of a web request with URLSearchParams is read by its own headers', async () => {
    const form = new URLSearchParams({ entries: CLIP, text: 'Müllers Katze; 100 % & mehr' })
    const request = new Request('http://router/predict', { method: 'POST', body: form })
    const { classification, body } = await classifyPredictRequest(request)
    expect(classification).toEqual(withText)
    expect((await buffer(body.stream())).toString()).toBe(form.toString())
  })

  it('is decoded as the ML server does: UTF-8 where it is percent-encoded, else Latin-1', async () => {
    const json = JSON.stringify({ clip: { textual: { modelName: 'größe' } } })
    for (const value of [encodeURIComponent(json), json])
      expect(await classify(`entries=${value}&text=x`)).toMatchObject({ entries: [{ model: 'größe' }] })
  })

  it.each(unclassifiedBodies)('is unclassified, %s: %s', async (reason, _, text) => {
    const body = Buffer.from(text, 'latin1')
    expect(await classify(text)).toEqual({
      classified: false,
      entries: [],
      tasks: [],
      input: undefined,
      reason,
    })
    const half = chunksOf(body, Math.floor(body.length / 2))
    const { classification, body: replay } = await classifyPredictRequest(half, { contentType })
    expect(classification.reason).toBe(reason)
    expect((await buffer(replay.stream())).equals(body)).toBe(true)
  })

  it('with entries at their limit and a long text is classified', async () => {
    const padded = `${entries}${'+'.repeat(65_536 - CLIP.length)}`
    expect(await classify(`${padded}&text=${'x'.repeat(1_048_000)}`)).toEqual(withText)
    expect(await classify(`${padded}+&text=x`)).toMatchObject({ reason: 'too-large-entries' })
  })

  it('of 600 KB in chunks of one byte takes no quadratic time', () => {
    const text = '%41'.repeat(200_000)
    expect(parseByteByByte(Buffer.from(`${entries}&text=${text}`))).toEqual(withText)
    expect(parseByteByByte(Buffer.from(`${'+'.repeat(600_000)}&${entries}`))).toEqual(withoutPayload)
    expect(parseByteByByte(Buffer.from(`${'&'.repeat(600_000)}${entries}`))).toEqual(withoutPayload)
  })

  it('has the fields that URLSearchParams finds', () => {
    const piece = fc.oneof(
      fc.constantFrom('&', '=', ';', '+', '%', '%7', '%C3%A4', '?', 'entries', 'entries=', 'text', 'text='),
      fc.constantFrom(entries, `entries=${CLIP}`, 'entries=%7B%7D'),
      fc.string({ maxLength: 5 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const body = pieces.join('')
        const fields = new URLSearchParams(`&${body}`)
        const value = fields.getAll('entries').at(-1)
        const parsed = value === undefined ? undefined : parseEntries(value, defaults.limits)
        const parser = new UrlencodedReader(defaults.limits)
        const classification = parser.push(Buffer.from(body)) ?? parser.end()
        if (parsed?.ok === true)
          expect(classification).toMatchObject({
            entries: parsed.entries,
            input: (fields.getAll('text').at(-1) ?? '') === '' ? undefined : 'text',
          })
        else expect(classification.reason).toBe(parsed === undefined ? 'no-entries' : parsed.reason)
      }),
      { numRuns: 500 },
    )
  })

  it('is classified the same however it is cut, and keeps every byte', async () => {
    const piece = fc.oneof(
      fc.constantFrom('&', '=', ';', '+', '%', '%7', '?', 'entries', 'entries=', 'text', entries, CLIP),
      fc.string({ unit: 'binary', maxLength: 10 }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 14 }),
        fc.array(fc.nat(400), { maxLength: 5 }),
        async (pieces, cuts) => {
          const bytes = Buffer.from(pieces.join(''), 'latin1')
          const whole = await classifyPredictRequest(bytes, { contentType })
          const sorted = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
          const parts = await classifyPredictRequest(chunksOf(bytes, ...sorted), { contentType })
          expect(parts.classification).toEqual(whole.classification)
          expect(parseByteByByte(bytes)).toEqual(whole.classification)
          expect((await buffer(parts.body.stream())).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })
})
