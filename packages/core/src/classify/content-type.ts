import { MIMEType } from 'node:util'
import { defaults } from '../defaults.ts'
import type { UnclassifiedReason } from './classification.ts'

/** What a content type says of the boundary: the boundary, that the first line must tell, or that there is none. */
export type BoundarySource =
  | { readonly from: 'content-type'; readonly boundary: string }
  | {
      readonly from: 'first-line'
      readonly otherwise: Extract<UnclassifiedReason, 'not-multipart' | 'no-boundary'>
    }
  | { readonly from: 'nowhere'; readonly reason: UnclassifiedReason }

/** What nearly every client sends, to which a MIME parser has nothing to add. */
const PLAIN = /^multipart\/form-data; boundary=([0-9A-Za-z'()+_\-.*]+)$/

/** RFC 2046 allows `'()+_,-./:=? ` and alphanumerics; clients in the field also use `*`, so any visible character does. */
const BOUNDARY = /^[!-~]([ -~]*[!-~])?$/

export function boundarySource(contentType: string | undefined): BoundarySource {
  if (contentType === undefined) return { from: 'first-line', otherwise: 'not-multipart' }
  const plain = PLAIN.exec(contentType)?.[1]
  if (plain !== undefined && plain.length <= defaults.maxBoundaryLength)
    return { from: 'content-type', boundary: plain }
  const type = parseMimeType(contentType)
  if (type?.essence !== 'multipart/form-data') return { from: 'nowhere', reason: 'not-multipart' }
  const boundary = type.params.get('boundary')
  if (boundary === null || boundary === '') return { from: 'first-line', otherwise: 'no-boundary' }
  if (boundary.length > defaults.maxBoundaryLength) return { from: 'nowhere', reason: 'boundary-too-long' }
  if (!BOUNDARY.test(boundary)) return { from: 'nowhere', reason: 'no-boundary' }
  return { from: 'content-type', boundary }
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
