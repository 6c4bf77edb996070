import { defaults } from '../config/defaults.ts'
import type { UnclassifiedReason } from './classification.ts'
import { parseHeaderValue } from './header-value.ts'

/** The charset of the fields' text. */
export type Charset = 'utf-8' | 'latin1'

/** How to read the fields of a body. */
export type BodyFormat =
  | { readonly kind: 'multipart'; readonly boundary: string; readonly charset: Charset }
  | { readonly kind: 'urlencoded' }
  | { readonly kind: 'unreadable'; readonly reason: UnclassifiedReason }

/** A format that `MultipartReader` reads. */
export type MultipartFormat = Extract<BodyFormat, { kind: 'multipart' }>

/** The content type of nearly every client: no parsing needed. */
const PLAIN = /^multipart\/form-data; boundary=([0-9A-Za-z'()+_\-.]+)$/

/** US-ASCII reads as Latin-1, because the ML server falls back to Latin-1 for bytes outside a charset. */
const CHARSETS: ReadonlyMap<string, Charset> = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['us-ascii', 'latin1'],
  ['ascii', 'latin1'],
  ['iso-8859-1', 'latin1'],
  ['latin-1', 'latin1'],
  ['latin1', 'latin1'],
])

/** @param mostParameters A content type with more parameters is unreadable. */
export function bodyFormat(contentType: string | undefined, mostParameters: number): BodyFormat {
  if (contentType === undefined) return unreadable('not-multipart')
  const plain = PLAIN.exec(contentType)?.[1]
  if (plain !== undefined && plain.length <= defaults.maxBoundaryLength)
    return { kind: 'multipart', boundary: plain, charset: 'utf-8' }
  const header = parseHeaderValue(contentType, mostParameters)
  if (header === undefined) return unreadable('too-many-header-parameters')
  const { parameters } = header
  const essence = header.value.toLowerCase()
  if (essence === 'application/x-www-form-urlencoded') return { kind: 'urlencoded' }
  if (essence !== 'multipart/form-data') return unreadable('not-multipart')
  const boundary = parameters.get('boundary')
  if (boundary === undefined) return unreadable('no-boundary')
  if (boundary.length > defaults.maxBoundaryLength) return unreadable('boundary-too-long')
  const charset = CHARSETS.get((parameters.get('charset') ?? 'utf-8').toLowerCase())
  if (charset === undefined) return unreadable('unknown-charset')
  return { kind: 'multipart', boundary, charset }
}

function unreadable(reason: UnclassifiedReason): BodyFormat {
  return { kind: 'unreadable', reason }
}
