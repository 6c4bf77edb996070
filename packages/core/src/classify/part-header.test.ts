import { expect, it } from 'vitest'
import { defaults } from '../config/defaults.ts'
import { longestPartHeader, parsePartHeader } from './part-header.ts'

const limits = { ...defaults.limits, partHeaders: 2, partHeaderSize: 60, headerParameters: 2 }
const NAME = 'Content-Disposition: form-data; name="a"'

it.each([
  [NAME, { name: 'a', isFile: false }],
  [`${NAME}; filename=""`, { name: 'a', isFile: true }],
  [`X-Other: y\r\ncontent-disposition:   form-data; name=b`, { name: 'b', isFile: false }],
  [`${NAME}\r\nContent-Disposition: form-data; name=b`, { name: 'b', isFile: false }],
  ['Content-Disposition: form-data', 'malformed-multipart'],
  ['X-Other: y', 'malformed-multipart'],
  [`${NAME}\r\n folded`, 'malformed-multipart'],
  [`${NAME}\r\nno colon`, 'malformed-multipart'],
  ['', 'malformed-multipart'],
  [`${NAME}\r\nA: 1\r\nB: 2`, 'too-large-part-header'],
  [`${NAME}\r\nX: ${'y'.repeat(58)}`, 'too-large-part-header'],
  [`${NAME}; x=1; y=2`, 'too-many-header-parameters'],
])('%j', (lines, header) => {
  expect(parsePartHeader(lines, limits)).toEqual(header)
})

it('knows the longest header', () => {
  expect(longestPartHeader(limits)).toBe(2 * 62 + 4)
})
