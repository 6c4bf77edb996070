import { expect, it } from 'vitest'
import { bodyFormat } from './content-type.ts'

const MULTIPART = 'multipart/form-data'

it.each([
  [`${MULTIPART}; boundary=b`, { kind: 'multipart', boundary: 'b', charset: 'utf-8' }],
  [`${MULTIPART};boundary="b c";charset=LATIN1`, { kind: 'multipart', boundary: 'b c', charset: 'latin1' }],
  [`${MULTIPART}; charset=us-ascii; boundary=b`, { kind: 'multipart', boundary: 'b', charset: 'latin1' }],
  ['Application/X-WWW-Form-Urlencoded; charset=utf-8', { kind: 'urlencoded' }],
  [undefined, { kind: 'unreadable', reason: 'not-multipart' }],
  ['multipart/mixed; boundary=b', { kind: 'unreadable', reason: 'not-multipart' }],
  [MULTIPART, { kind: 'unreadable', reason: 'no-boundary' }],
  [`${MULTIPART}; boundary=${'b'.repeat(257)}`, { kind: 'unreadable', reason: 'boundary-too-long' }],
  [`${MULTIPART}; boundary=b; charset=utf-16`, { kind: 'unreadable', reason: 'unknown-charset' }],
  [`${MULTIPART}; a=1; b=2; boundary=b`, { kind: 'unreadable', reason: 'too-many-header-parameters' }],
])('%s', (contentType, format) => {
  expect(bodyFormat(contentType, 2)).toEqual(format)
})
