import { randomBytes } from 'node:crypto'
import { MaxHeaderSizeExceededError, MultipartParser, type MultipartPart } from '@mjackson/multipart-parser'
import { defaults } from '../defaults.ts'
import { dispositionName } from './content-type.ts'

/** Why a part could not be read. */
export type PartProblem = 'too-large-part-header' | 'malformed-multipart'

/** The field's name in lower case, `undefined` when the part has none. */
export interface PartName {
  readonly name: string | undefined
}

const HEADER_END = Buffer.from('\r\n\r\n')

/**
 * Reads parts with `@mjackson/multipart-parser`.
 *
 * That parser hands a part out when it has seen its end, and keeps all of its bytes until then. An image must not be
 * waited for and not be kept, so whoever finds the delimiters gives this either a whole part, or the header of one that
 * is still arriving; each is closed with a delimiter of our own at once. That one is unguessable and the same for all
 * requests, so that one parser, which has its search tables made, serves them all.
 */
const BOUNDARY = randomBytes(24).toString('hex')
const DELIMITER = Buffer.from(`\r\n--${BOUNDARY}`)
let parser: MultipartParser | undefined

/** Clients send the same few headers with every request: what they say is looked up, not parsed again. */
const names = new Map<string, PartName>()
const MOST_NAMES = 256
const LONGEST_REMEMBERED = 256

/**
 * @param start From behind the boundary to as far as the part has arrived.
 * @param delimiter The body's own: a part whose header it stands in is broken.
 * @returns `undefined` while the header is incomplete.
 */
export function readPartName(start: Buffer, delimiter: Buffer): PartName | PartProblem | undefined {
  const end = start.indexOf(HEADER_END)
  // The line end before the header does not count, and the last three bytes may be most of its end.
  if (end === -1)
    return start.length > 2 + defaults.maxPartHeaderSize + 3 ? 'too-large-part-header' : undefined
  // The parser takes no part without a header; such a part has no name and does not matter here.
  if (end === 0) return { name: undefined }
  if (start.subarray(0, end).includes(delimiter)) return 'malformed-multipart'
  if (end > LONGEST_REMEMBERED) return parseName(start.subarray(0, end))
  const header = start.toString('latin1', 0, end)
  const known = names.get(header)
  if (known !== undefined) return known
  const parsed = parseName(start.subarray(0, end))
  if (typeof parsed === 'object') {
    if (names.size >= MOST_NAMES) names.clear()
    names.set(header, parsed)
  }
  return parsed
}

/** The name of a part whose header, from behind the boundary, was read before. */
export function knownPartName(header: string): string | undefined {
  return names.get(header)?.name
}

/** @param part From behind the boundary to the delimiter, without it. */
export function readPartContent(part: Buffer): Uint8Array | PartProblem {
  const read = readPart(part)
  return typeof read === 'string' ? read : read.bytes
}

function parseName(header: Buffer): PartName | PartProblem {
  const part = readPart(Buffer.concat([header, HEADER_END]))
  return typeof part === 'string' ? part : { name: nameOf(part)?.toLowerCase() }
}

function readPart(bytes: Buffer): MultipartPart | PartProblem {
  try {
    parser ??= makeParser()
    const [part, ...more] = parser.write(Buffer.concat([withAsciiHeader(bytes), DELIMITER]))
    if (part !== undefined && more.length === 0) return part
    parser = undefined
    return 'malformed-multipart'
  } catch (error) {
    parser = undefined
    return error instanceof MaxHeaderSizeExceededError ? 'too-large-part-header' : 'malformed-multipart'
  }
}

/** A parser that stands behind a boundary, where reading a part leaves it again. */
function makeParser(): MultipartParser {
  const made = new MultipartParser(BOUNDARY, {
    maxHeaderSize: defaults.maxPartHeaderSize,
    maxFileSize: Number.MAX_SAFE_INTEGER,
  })
  for (const _ of made.write(DELIMITER.subarray(2))) break
  return made
}

function nameOf(part: MultipartPart): string | undefined {
  // Read before `part.name`, which replaces the header by what it understood of it.
  const disposition = part.headers.get('content-disposition') ?? ''
  // The parser wants the parameter's name in lower case; RFC 2183 does not.
  return part.name ?? dispositionName(disposition)
}

/** The parser refuses a header that is not UTF-8, such as a Latin-1 file name; the names that count are ASCII. */
function withAsciiHeader(part: Buffer): Buffer {
  const end = part.indexOf(HEADER_END)
  const header = part.subarray(0, end)
  if (header.every((byte) => byte < 0x80)) return part
  const copy = Buffer.from(part)
  for (let i = 0; i < end; i++) if ((copy[i] ?? 0) >= 0x80) copy[i] = 0x3f
  return copy
}
