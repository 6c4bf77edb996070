import { MaxHeaderSizeExceededError, MultipartParser, type MultipartPart } from '@mjackson/multipart-parser'
import { defaults } from '../defaults.ts'
import { dispositionName } from './content-type.ts'

/** A part, as far as the classifier cares. */
export interface Part {
  /** The field's name in lower case, `undefined` when the part has none. */
  readonly name: string | undefined
  /** The content, as far as it was given. */
  readonly content: Uint8Array
}

/** Why a part could not be read. */
export type PartProblem = 'too-large-part-header' | 'malformed-multipart'

const HEADER_END = Buffer.from('\r\n\r\n')

/**
 * Reads one part at a time with `@mjackson/multipart-parser`.
 *
 * That parser hands a part out when it has seen its end, and keeps all of its bytes until then. An image must not
 * be waited for and not be kept, so whoever finds the delimiters gives this class either a whole part, or the header
 * of a part that is still arriving; the latter is closed with a delimiter at once, to learn its name.
 */
export class PartReader {
  /** What ends a part: CRLF, two dashes, the boundary. */
  readonly delimiter: Buffer
  readonly #parser: MultipartParser

  constructor(boundary: string) {
    this.delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#parser = new MultipartParser(boundary, {
      maxHeaderSize: defaults.maxPartHeaderSize,
      maxFileSize: Number.MAX_SAFE_INTEGER,
    })
    this.#write(this.delimiter.subarray(2))
  }

  /**
   * @param part From behind the boundary to the end of the next delimiter.
   */
  readWhole(part: Buffer): Part | PartProblem {
    const headerEnd = part.indexOf(HEADER_END)
    return headerEnd === -1 ? 'malformed-multipart' : this.#read(part, headerEnd)
  }

  /**
   * @param start From behind the boundary to as far as the part has arrived.
   * @returns `undefined` while the header is incomplete.
   */
  readHeader(start: Buffer): Part | PartProblem | undefined {
    const headerEnd = start.indexOf(HEADER_END)
    if (headerEnd > 0) {
      return this.#read(
        Buffer.concat([start.subarray(0, headerEnd + HEADER_END.length), this.delimiter]),
        headerEnd,
      )
    }
    // The parser takes no part without a header; such a part has no name and does not matter here.
    if (headerEnd === 0) return { name: undefined, content: Buffer.alloc(0) }
    // The line end before the header does not count, and the last three bytes may be most of its end.
    return start.length > 2 + defaults.maxPartHeaderSize + 3 ? 'too-large-part-header' : undefined
  }

  #read(part: Buffer, headerEnd: number): Part | PartProblem {
    if (part.subarray(0, headerEnd).includes(this.delimiter)) return 'malformed-multipart'
    try {
      const [parsed, ...more] = this.#write(withAsciiHeader(part, headerEnd))
      if (parsed === undefined || more.length > 0) return 'malformed-multipart'
      return { name: nameOf(parsed)?.toLowerCase(), content: parsed.bytes }
    } catch (error) {
      return error instanceof MaxHeaderSizeExceededError ? 'too-large-part-header' : 'malformed-multipart'
    }
  }

  #write(bytes: Buffer): MultipartPart[] {
    return [...this.#parser.write(bytes)]
  }
}

function nameOf(part: MultipartPart): string | undefined {
  // Read before `part.name`, which replaces the header by what it understood of it.
  const disposition = part.headers.get('content-disposition') ?? ''
  // The parser wants the parameter's name in lower case; RFC 2183 does not.
  return part.name ?? dispositionName(disposition)
}

/** The parser refuses a header that is not UTF-8, such as a Latin-1 file name; the names that count are ASCII. */
function withAsciiHeader(part: Buffer, headerEnd: number): Buffer {
  const header = part.subarray(0, headerEnd)
  if (header.every((byte) => byte < 0x80)) return part
  const copy = Buffer.from(part)
  for (let i = 0; i < headerEnd; i++) if ((copy[i] ?? 0) >= 0x80) copy[i] = 0x3f
  return copy
}
