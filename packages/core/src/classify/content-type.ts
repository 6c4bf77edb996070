import { MIMEType } from 'node:util'
import { defaults } from '../defaults.ts'
import type { UnclassifiedReason } from './classification.ts'

/** How the fields of a body are read, by its content type. */
export type BodyFormat =
  | { readonly kind: 'multipart'; readonly boundary: string }
  /** Multipart, if the first line announces a boundary. */
  | {
      readonly kind: 'multipart-by-first-line'
      readonly otherwise: Extract<UnclassifiedReason, 'not-multipart' | 'no-boundary'>
    }
  | { readonly kind: 'urlencoded' }
  | { readonly kind: 'unreadable'; readonly reason: UnclassifiedReason }

/** A format that `HeadParser` reads. */
export type MultipartFormat = Extract<BodyFormat, { kind: 'multipart' | 'multipart-by-first-line' }>

/** What nearly every client sends, to which a MIME parser has nothing to add. */
const PLAIN = /^multipart\/form-data; boundary=([0-9A-Za-z'()+_\-.*]+)$/

/** RFC 2046 allows `'()+_,-./:=? ` and alphanumerics; clients in the field also use `*`, so any visible character does. */
const BOUNDARY = /^[!-~]([ -~]*[!-~])?$/

export function bodyFormat(contentType: string | undefined): BodyFormat {
  if (contentType === undefined) return { kind: 'multipart-by-first-line', otherwise: 'not-multipart' }
  const plain = PLAIN.exec(contentType)?.[1]
  if (plain !== undefined && plain.length <= defaults.maxBoundaryLength)
    return { kind: 'multipart', boundary: plain }
  const type = parseMimeType(contentType)
  if (type?.essence === 'application/x-www-form-urlencoded') return { kind: 'urlencoded' }
  if (type?.essence !== 'multipart/form-data') return { kind: 'unreadable', reason: 'not-multipart' }
  const boundary = type.params.get('boundary')
  if (boundary === null || boundary === '')
    return { kind: 'multipart-by-first-line', otherwise: 'no-boundary' }
  if (boundary.length > defaults.maxBoundaryLength) return { kind: 'unreadable', reason: 'boundary-too-long' }
  if (!BOUNDARY.test(boundary)) return { kind: 'unreadable', reason: 'no-boundary' }
  return { kind: 'multipart', boundary }
}

/** The boundary that a body's first line announces, `undefined` when it announces none. */
export function boundaryOfFirstLine(line: string): string | undefined {
  const boundary = line.startsWith('--') ? line.slice(2).trimEnd() : ''
  return boundary.length <= defaults.maxBoundaryLength && BOUNDARY.test(boundary) ? boundary : undefined
}

/** The parameter `name` of a `Content-Disposition`, whose syntax is that of a MIME type but for the slash. */
export function dispositionName(disposition: string): string | undefined {
  return parseMimeType(`x/${disposition}`)?.params.get('name') ?? undefined
}

function parseMimeType(text: string): MIMEType | undefined {
  try {
    return new MIMEType(text)
  } catch {
    return undefined
  }
}
