import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { type BodyInput, declaredHeaders } from './body-source.ts'

const none = { contentType: undefined, contentEncoding: undefined, contentLength: undefined }
const headers = { 'content-type': 'text/plain', 'content-length': '3', 'content-encoding': 'gzip' }
const declared = { contentType: 'text/plain', contentEncoding: 'gzip', contentLength: 3 }

it.each<[string, BodyInput, object]>([
  ['a Node stream with headers', Object.assign(Readable.from([]), { headers }), declared],
  ['a web request', new Request('http://r', { method: 'POST', body: 'abc', headers }), declared],
  ['bytes', Buffer.from('abc'), none],
  ['a stream', Readable.from([]), none],
  [
    'a length that is not a number',
    Object.assign(Readable.from([]), { headers: { 'content-length': '-3' } }),
    none,
  ],
  ['a repeated header', Object.assign(Readable.from([]), { headers: { 'content-type': ['a', 'b'] } }), none],
])('reads the headers of %s', (_, input, expected) => {
  expect(declaredHeaders(input)).toEqual(expected)
})
