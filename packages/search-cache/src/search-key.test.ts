import { BOUNDARY, CONTENT_TYPE, immichBody, multipart } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { searchKey } from './search-key.ts'

const search = (text: string) => immichBody('textSearch', text)
const keyOf = (body: Buffer, contentType = CONTENT_TYPE) => searchKey(contentType, body)?.toString('hex')
const entries = { header: 'entries', content: '{"clip":{"textual":{"modelName":"m"}}}' }
const text = { header: 'text', content: 'cat' }

describe('the key of a search', () => {
  it('is that of the bytes of entries and text, in any order and with any boundary', () => {
    const key = keyOf(multipart([entries, text]))
    expect(key).toMatch(/^[\da-f]{64}$/)
    expect(keyOf(multipart([text, entries]))).toBe(key)
    expect(keyOf(multipart([entries, text], { epilogue: '' }))).toBe(key)
    const other = multipart([entries, text], { boundary: 'x' })
    expect(keyOf(other, 'multipart/form-data; boundary=x')).toBe(key)
  })

  it('differs with every byte', () => {
    const keys = ['cat', 'cat ', 'Cat', 'dog', 'café', 'cafe\u0301', '', '{}'].map((it) => keyOf(search(it)))
    const moved = [
      multipart([
        { header: 'entries', content: '{}a' },
        { header: 'text', content: 'b' },
      ]),
      multipart([
        { header: 'entries', content: '{}' },
        { header: 'text', content: 'ab' },
      ]),
    ].map((body) => keyOf(body))
    expect(new Set([...keys, ...moved]).size).toBe(10)
  })

  it.each([
    ['a third field', multipart([entries, text, { header: 'text', content: 'dog' }])],
    ['one field twice', multipart([entries, entries])],
    ['an image', immichBody('indexing')],
    [
      'a text in a file',
      multipart([
        entries,
        { header: 'Content-Disposition: form-data; name="text"; filename="a"', content: 'cat' },
      ]),
    ],
    [
      'another header',
      multipart([
        entries,
        {
          header: 'Content-Disposition: form-data; name="text"\r\nContent-Type: text/plain; charset=utf-16',
          content: 'cat',
        },
      ]),
    ],
    ['a preamble', multipart([entries, text], { preamble: 'x' })],
    ['an epilogue', multipart([entries, text], { epilogue: 'x' })],
    ['no end', multipart([entries, text], { close: false })],
    [
      'a line that begins like a boundary',
      multipart([entries, { header: 'text', content: `a\r\n--${BOUNDARY}b` }]),
    ],
  ])('does not exist for a form with %s', (_, body) => {
    expect(keyOf(body)).toBeUndefined()
  })

  it.each([
    `${CONTENT_TYPE}; charset=utf-16`,
    'application/x-www-form-urlencoded',
    `multipart/form-data; boundary="${BOUNDARY}"`,
    'multipart/form-data',
  ])('does not exist with the content type %s', (contentType) => {
    expect(keyOf(search('cat'), contentType)).toBeUndefined()
  })
})
