import { parseHeaderValue } from './header-value.ts'
import type { ResolvedLimits } from './limits.ts'

/** The header of a part. */
export interface PartHeader {
  /** The field's name, one character per byte. */
  readonly name: string
  /** Whether the part is a file: its `Content-Disposition` has a `filename`. */
  readonly isFile: boolean
}

/** Why a part's header cannot be read. */
export type PartHeaderProblem = 'too-large-part-header' | 'too-many-header-parameters' | 'malformed-multipart'

/** A token of RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * Parses the header of a part as python-multipart's `MultipartParser` does.
 *
 * @param lines The header lines, one character per byte, without the empty line at the end.
 */
export function parsePartHeader(lines: string, limits: ResolvedLimits): PartHeader | PartHeaderProblem {
  let disposition: string | undefined
  let count = 0
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon))
    if (++count > limits.partHeaders || line.length > limits.partHeaderSize) return 'too-large-part-header'
    if (!TOKEN.test(name) || line.includes('\r')) return 'malformed-multipart'
    if (name.toLowerCase() === 'content-disposition') disposition = withoutLeadingSpaces(line, colon + 1)
  }
  if (disposition === undefined) return 'malformed-multipart'
  const header = parseHeaderValue(disposition, limits.headerParameters)
  if (header === undefined) return 'too-many-header-parameters'
  const name = header.parameters.get('name')
  return name === undefined ? 'malformed-multipart' : { name, isFile: header.parameters.has('filename') }
}

/** Largest header of a part in bytes, with its line ends. */
export function longestPartHeader({ partHeaders, partHeaderSize }: ResolvedLimits): number {
  return partHeaders * (partHeaderSize + 2) + 4
}

function withoutLeadingSpaces(line: string, from: number): string {
  let at = from
  while (line[at] === ' ') at++
  return line.slice(at)
}
