import { defaults } from '../defaults.ts'
import { ByteWindow } from './byte-window.ts'
import {
  type Classification,
  type Classified,
  type PredictInput,
  type UnclassifiedReason,
  unclassified,
} from './classification.ts'
import { boundaryOfFirstLine, type MultipartFormat } from './content-type.ts'
import { parseEntries } from './entries.ts'
import { recallEntries, rememberEntries } from './first-chunk.ts'
import { readPartContent, readPartName } from './part-reader.ts'

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d
const SPACE = 0x20
const TAB = 0x09

/** Where the parser stands; what it needs to go on is in the window. */
type State =
  | { readonly at: 'first-line'; readonly otherwise: UnclassifiedReason }
  | { readonly at: 'preamble'; skipped: number }
  /** Behind a boundary: padding and a line end, or two dashes. */
  | { readonly at: 'boundary' }
  /** In a part whose name is not known yet. */
  | { readonly at: 'part' }
  | { readonly at: 'entries' }
  /** In a part whose bytes do not matter. */
  | { readonly at: 'payload' }

/**
 * Reads a body until the job is known: chunks go in, the classification comes out as soon as it is certain.
 *
 * It keeps the part that it is in only while it may be `entries`; a payload is searched for its end and dropped.
 */
export class HeadParser {
  readonly #window = new ByteWindow()
  /** What ends a part: CRLF, two dashes, the boundary. Empty until the boundary is known. */
  #delimiter: Buffer = Buffer.alloc(0)
  #state: State
  /** Bytes at the front of the window that are known to hold no delimiter. */
  #searched = 0
  #parts = 0
  #entries: Pick<Classified, 'entries' | 'tasks'> | undefined
  #input: PredictInput | undefined
  #verdict: Classification | undefined

  constructor(format: MultipartFormat) {
    if (format.kind === 'multipart') {
      this.#delimiter = delimiterOf(format.boundary)
      this.#state = { at: 'preamble', skipped: 0 }
    } else {
      this.#state = { at: 'first-line', otherwise: format.otherwise }
    }
  }

  /** @returns The classification, once it is known. */
  push(chunk: Buffer): Classification | undefined {
    if (this.#state.at === 'payload') this.#dropSeam(chunk)
    this.#window.append(chunk)
    while (this.#verdict === undefined && this.#step()) {}
    return this.#verdict
  }

  /** The body has ended: what is known must do. */
  end(): Classification {
    if (this.#verdict !== undefined) return this.#verdict
    if (this.#state.at === 'first-line') return unclassified(this.#state.otherwise)
    if (this.#state.at === 'preamble') {
      return unclassified(this.#window.length + this.#state.skipped > 0 ? 'malformed-multipart' : 'truncated')
    }
    if (this.#state.at === 'entries') {
      // Without its final boundary, a body's last part ends with it. Entries that break off are no JSON.
      const reason = this.#takeEntries(this.#window.bytes)
      if (reason !== undefined) return unclassified(reason === 'invalid-json' ? 'truncated' : reason)
    }
    return this.#conclude('truncated')
  }

  /** @returns Whether to go on; `false` asks for more bytes. */
  #step(): boolean {
    switch (this.#state.at) {
      case 'first-line':
        return this.#readFirstLine(this.#state.otherwise)
      case 'preamble':
        return this.#skipPreamble(this.#state)
      case 'boundary':
        return this.#readBoundaryEnd()
      case 'part':
        return this.#readPartHeader()
      case 'entries':
        return this.#readEntries()
      case 'payload':
        return this.#skipPayload()
    }
  }

  #readFirstLine(otherwise: UnclassifiedReason): boolean {
    const bytes = this.#window.bytes
    const end = bytes.indexOf('\r\n')
    const longest = defaults.maxBoundaryLength + 16
    if (end === -1 && bytes.length <= longest && startsLikeBoundary(bytes)) return false
    const boundary =
      end === -1 || end > longest ? undefined : boundaryOfFirstLine(bytes.toString('latin1', 0, end))
    if (boundary === undefined) return this.#finish(unclassified(otherwise))
    this.#delimiter = delimiterOf(boundary)
    return this.#go({ at: 'preamble', skipped: 0 })
  }

  #skipPreamble(state: { at: 'preamble'; skipped: number }): boolean {
    const delimiter = this.#delimiter
    const bytes = this.#window.bytes
    const opening = delimiter.subarray(2)
    if (state.skipped === 0) {
      if (bytes.length < opening.length && opening.subarray(0, bytes.length).equals(bytes)) return false
      if (bytes.subarray(0, opening.length).equals(opening)) {
        this.#window.discard(opening.length)
        return this.#go({ at: 'boundary' })
      }
    }
    const found = bytes.indexOf(delimiter)
    const skip = found === -1 ? Math.max(0, bytes.length - delimiter.length + 1) : found
    state.skipped += skip
    if (state.skipped > defaults.maxPreambleSize) return this.#finish(unclassified('malformed-multipart'))
    if (found === -1) {
      this.#window.discard(skip)
      return false
    }
    this.#window.discard(found + delimiter.length)
    return this.#go({ at: 'boundary' })
  }

  #readBoundaryEnd(): boolean {
    const ending = boundaryEnding(this.#window.bytes, 0)
    if (ending.kind === 'incomplete') return false
    if (ending.kind === 'close') return this.#finish(this.#conclude('no-entries'))
    if (ending.kind !== 'part') return this.#finish(unclassified('malformed-multipart'))
    this.#window.discard(ending.padding)
    return this.#startPart()
  }

  #readPartHeader(): boolean {
    const part = readPartName(this.#window.bytes, this.#delimiter)
    if (part === undefined) return false
    if (typeof part === 'string') return this.#finish(unclassified(part))
    if (part.name === 'entries' && this.#entries === undefined) return this.#go({ at: 'entries' })
    if (part.name === 'text' || part.name === 'image') this.#input ??= part.name
    return this.#decide() || this.#go({ at: 'payload' })
  }

  #readEntries(): boolean {
    const end = this.#findDelimiter()
    if (end === -1) {
      const tooLarge = this.#window.length > defaults.maxEntriesSize + defaults.maxPartHeaderSize
      return tooLarge && this.#finish(unclassified('too-large-entries'))
    }
    const reason = this.#takeEntries(this.#window.bytes.subarray(0, end))
    if (reason !== undefined) return this.#finish(unclassified(reason))
    this.#window.discard(end + this.#delimiter.length)
    return this.#decide() || this.#go({ at: 'boundary' })
  }

  #skipPayload(): boolean {
    const delimiter = this.#delimiter
    const end = this.#findDelimiter()
    const known = end === -1 ? this.#searched : end
    this.#window.discard(known)
    this.#searched = 0
    if (end === -1) return false
    // A line that only begins like the boundary belongs to the payload.
    const ending = boundaryEnding(this.#window.bytes, delimiter.length)
    if (ending.kind === 'incomplete') return false
    this.#window.discard(delimiter.length)
    return this.#go({ at: ending.kind === 'neither' ? 'payload' : 'boundary' })
  }

  /** Lets go of what the last chunk of a payload has left where no delimiter begins in it: the next need not be joined with it. */
  #dropSeam(chunk: Buffer): void {
    const longest = this.#delimiter.length - 1
    const { length } = this.#window
    if (length === 0 || length > longest || chunk.length < longest) return
    const seam = Buffer.concat([this.#window.bytes, chunk.subarray(0, longest)])
    if (seam.includes(this.#delimiter)) return
    this.#window.discard(length)
    this.#searched = 0
  }

  /** @param part The entries part, from behind the boundary to the delimiter. */
  #takeEntries(part: Buffer): UnclassifiedReason | undefined {
    this.#entries = recallEntries(part)
    if (this.#entries !== undefined) return undefined
    const content = readPartContent(part)
    if (typeof content === 'string') return content
    if (content.length > defaults.maxEntriesSize) return 'too-large-entries'
    const parsed = parseEntries(content)
    if (!parsed.ok) return parsed.reason
    this.#entries = parsed
    rememberEntries(part, parsed)
    return undefined
  }

  /** @returns Whether the job is known. */
  #decide(): boolean {
    if (this.#entries === undefined || this.#input === undefined) return false
    return this.#finish(this.#conclude('no-entries'))
  }

  #conclude(otherwise: UnclassifiedReason): Classification {
    if (this.#entries === undefined) return unclassified(otherwise)
    const { entries, tasks } = this.#entries
    return { classified: true, entries, tasks, input: this.#input }
  }

  #startPart(): boolean {
    this.#parts++
    if (this.#parts > defaults.maxParts) return this.#finish(unclassified('too-many-parts'))
    return this.#go({ at: 'part' })
  }

  #findDelimiter(): number {
    const delimiter = this.#delimiter
    const bytes = this.#window.bytes
    const found = bytes.indexOf(delimiter, this.#searched)
    this.#searched = found === -1 ? Math.max(0, bytes.length - delimiter.length + 1) : found
    return found
  }

  #go(state: State): true {
    this.#searched = 0
    this.#state = state
    return true
  }

  #finish(verdict: Classification): true {
    this.#verdict = verdict
    return true
  }
}

function delimiterOf(boundary: string): Buffer {
  return Buffer.from(`\r\n--${boundary}`, 'latin1')
}

type BoundaryEnding =
  | { readonly kind: 'part'; readonly padding: number }
  | { readonly kind: 'close' | 'neither' | 'incomplete' }

/** What follows a boundary: `--`, or optional white space and a line end (RFC 2046 section 5.1.1). */
function boundaryEnding(bytes: Buffer, from: number): BoundaryEnding {
  if (bytes[from] === DASH) {
    if (bytes.length < from + 2) return { kind: 'incomplete' }
    return { kind: bytes[from + 1] === DASH ? 'close' : 'neither' }
  }
  let at = from
  while (at < bytes.length && (bytes[at] === SPACE || bytes[at] === TAB)) at++
  if (at - from > defaults.maxPartHeaderSize) return { kind: 'neither' }
  if (bytes.length < at + 2) return { kind: at < bytes.length && bytes[at] !== CR ? 'neither' : 'incomplete' }
  return bytes[at] === CR && bytes[at + 1] === LF ? { kind: 'part', padding: at - from } : { kind: 'neither' }
}

function startsLikeBoundary(bytes: Buffer): boolean {
  return bytes.length < 2 ? bytes.length === 0 || bytes[0] === DASH : bytes[0] === DASH && bytes[1] === DASH
}
