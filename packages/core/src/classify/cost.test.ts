import { Session } from 'node:inspector'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { classifyPredictRequest } from './classify-predict-request.ts'

const CONTENT_TYPE = 'multipart/form-data; boundary=b'
const FORM = 'application/x-www-form-urlencoded'
const ENTRIES = 'Content-Disposition: form-data; name="entries"'
const OTHER = 'Content-Disposition: form-data; name="x"'

const part = (header: string, content: string) => `--b\r\n${header}\r\n\r\n${content}\r\n`
const times = (count: number, make: (i: number) => string) => Array.from({ length: count }, (_, i) => make(i))
const many = (count: number, text: string) => text.repeat(count)
const long = 't'.repeat(8_000)

/** Bodies of roughly `size` bytes, and their content type. */
const ATTACKS: Readonly<Record<string, (size: number) => readonly [body: string, contentType?: string]>> = {
  'a long task name with many types': (size) => [
    part(ENTRIES, `{"${long}":{${times(size / 24, (i) => `"${i}":{"modelName":"m"}`)}}}`),
  ],
  'many tasks': (size) => [part(ENTRIES, `{${times(size / 30, (i) => `"${i}":{"a":{"modelName":"m"}}`)}}`)],
  'one long model name': (size) => [part(ENTRIES, `{"clip":{"textual":{"modelName":"${many(size, 'm')}"}}}`)],
  'deep JSON': (size) => [part(ENTRIES, many(size, '['))],
  'deep JSON in a urlencoded body': (size) => [`entries=${many(size, '[')}`, FORM],
  'many small values': (size) => [
    part(ENTRIES, `{"clip":{"textual":{"modelName":"m","options":{"a":[${many(size / 2, '1,')}1]}}}}`),
  ],
  'white space in a content disposition': (size) => [
    many(60, part(`Content-Disposition: form-data; x=y${many(size / 60, ' ')}z`, '')),
  ],
  'quotes in a content disposition': (size) => [
    many(60, part(`Content-Disposition: form-data; name="${many(size / 120, '\\"')}`, '')),
  ],
  'semicolons in a content disposition': (size) => [
    many(60, part(`Content-Disposition: form-data${many(size / 60, ';')}`, '')),
  ],
  'white space in the content type': (size) => [
    part(ENTRIES, '{}'),
    `multipart/form-data; x=y${many(size, ' ')}z; boundary=b`,
  ],
  'parameters in the content type': (size) => [
    part(ENTRIES, '{}'),
    `multipart/form-data${many(size / 5, '; x=y')}; boundary=b`,
  ],
  'many parts': (size) => [many(size / 50, part(OTHER, ''))],
  'many entries': (size) => [many(size / 150, part(ENTRIES, '{"clip":{"textual":{"modelName":"m"}}}'))],
  'many header lines': (size) => [part(many(size / 6, 'X: y\r\n'), '')],
  'an endless header line': (size) => [part(many(size, 'X'), '')],
  'a payload of line ends': (size) => [part(OTHER, many(size / 2, '\r\n'))],
  'a payload of torn delimiters': (size) => [part(OTHER, many(size / 4, '\r\n--'))],
  'a payload that nearly ends': (size) => [part(OTHER, many(size / 6, '\r\n--b-'))],
  'line ends before the first boundary': (size) => [many(size / 2, '\r\n')],
  'empty fields': (size) => [many(size, '&'), FORM],
  'fields without a value': (size) => [many(size / 2, 'a&'), FORM],
  'a long field name': (size) => [many(size, 'a'), FORM],
  'percent-encoding': (size) => [`entries=${many(size / 3, '%41')}`, FORM],
}

/** The cost of a classification. */
interface Cost {
  /** Executed blocks of the classifier's code. */
  blocks: number
  /** Bytes that Node searched or copied. */
  bytes: number
  /** Characters of the classification. */
  result: number
}

const session = new Session()
beforeAll(() => {
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
})
afterAll(() => session.disconnect())

/** Counts the blocks executed since the last call. */
function blocksRun(): number {
  let blocks = 0
  session.post('Profiler.takePreciseCoverage', (_, { result }) => {
    for (const { url, functions } of result)
      if (url.includes('/src/classify/') && !url.includes('.test.'))
        for (const { ranges } of functions) for (const { count } of ranges) blocks += count
  })
  return blocks
}

async function costOf(
  [text, contentType = CONTENT_TYPE]: readonly [string, string?],
  chunk: number,
): Promise<Cost> {
  const body = Buffer.from(text, 'latin1')
  const chunks = times(Math.ceil(body.length / chunk), () => '').map((_, i) =>
    body.subarray(i * chunk, (i + 1) * chunk),
  )
  let bytes = 0
  const { indexOf, copy } = Buffer.prototype
  const searches = vi.spyOn(Buffer.prototype, 'indexOf').mockImplementation(function (this: Buffer, ...args) {
    const found = Reflect.apply(indexOf, this, args) as number
    bytes += (found === -1 ? this.length : found) - Number(args[1] ?? 0)
    return found
  })
  const copies = vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...args) {
    const copied = Reflect.apply(copy, this, args) as number
    bytes += copied
    return copied
  })
  blocksRun()
  const { classification, body: read } = await classifyPredictRequest(
    Readable.from(chunks, { objectMode: false }),
    {
      contentType,
    },
  )
  const blocks = blocksRun()
  searches.mockRestore()
  copies.mockRestore()
  read.destroy()
  return { blocks, bytes, result: JSON.stringify(classification).length }
}

describe.each(Object.entries(ATTACKS))('the cost of %s', (_, attack) => {
  it.each([
    ['64 KiB', 65_536],
    ['7 bytes', 7],
  ])('grows linearly, in chunks of %s', async (_, chunk) => {
    for (const size of chunk === 7 ? [5_000, 40_000] : [100_000, 800_000]) {
      const { blocks, bytes, result } = await costOf(attack(size), chunk)
      expect(blocks).toBeLessThan(8 * size)
      expect(bytes).toBeLessThan(6 * size)
      expect(result).toBeLessThan(100_000)
    }
  })
})

it('is counted', async () => {
  const fields = await costOf([many(10_000, '&'), FORM], 65_536)
  expect(fields.blocks).toBeGreaterThan(10_000)
  const payload = await costOf([part(OTHER, many(10_000, 'x'))], 65_536)
  expect(payload.bytes).toBeGreaterThan(10_000)
})
