import { ByteWindow } from './byte-window.ts'
import { type Classification, type UnclassifiedReason, unclassified } from './classification.ts'
import type { MultipartFormat } from './content-type.ts'
import { decodeField, type ParsedEntries, parseEntries } from './entries.ts'
import { FormFields } from './form-fields.ts'
import type { JobMemory } from './job-memory.ts'
import type { ResolvedLimits } from './limits.ts'
import { longestPartHeader, type PartHeader } from './part-header.ts'

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d
const LINE_END = 2
const HEADER_END = '\r\n\r\n'

/** Where the reader stands. The window begins there, but in `entries`, where it begins with the part. */
type State =
  /** Before the first boundary. */
  | { readonly at: 'opening' }
  /** Behind the first boundary. */
  | { readonly at: 'first-boundary' }
  /** Behind a boundary, at the line end before the header of a part. */
  | { readonly at: 'header' }
  /** In a part named `entries`, whose content begins at `start` of the window. */
  | { readonly at: 'entries'; readonly start: number }
  /** In a part whose bytes do not matter, but whether there are any. */
  | { readonly at: 'content'; readonly header: PartHeader; isEmpty: boolean }

/**
 * Reads a multipart body until the job is known, as the ML server reads it (python-multipart's `MultipartParser`): chunks
 * go in, the classification comes out as soon as it is certain.
 *
 * It is certain with the header of an image file behind `entries`, or else at the end of the form. Of the bytes, only
 * the part named `entries` is kept; every other part is searched for its end and dropped.
 */
export class MultipartReader {
  readonly #window = new ByteWindow()
  readonly #fields = new FormFields()
  readonly #limits: ResolvedLimits
  readonly #memory: JobMemory
  readonly #format: MultipartFormat
  /** What ends a part: CRLF, two dashes, the boundary. */
  readonly #delimiter: Buffer
  #state: State = { at: 'opening' }
  /** Bytes at the front of the window that were searched in vain. */
  #searched = 0
  readonly #parts = { files: 0, fields: 0 }
  #verdict: Classification | undefined

  constructor(format: MultipartFormat, limits: ResolvedLimits, memory: JobMemory) {
    this.#format = format
    this.#limits = limits
    this.#memory = memory
    this.#delimiter = Buffer.from(`\r\n--${format.boundary}`, 'latin1')
  }

  /** Bytes still in use, of those that were pushed last. */
  get kept(): number {
    return this.#window.length
  }

  /** @returns The classification, once it is certain. */
  push(chunk: Buffer): Classification | undefined {
    this.#window.append(chunk)
    while (this.#verdict === undefined && this.#step()) {}
    return this.#verdict
  }

  /** The classification of a body that ends here. What is not complete does not count. */
  end(): Classification {
    return this.#verdict ?? this.#fields.classify('truncated')
  }

  /** @returns Whether to go on; `false` asks for more bytes. */
  #step(): boolean {
    switch (this.#state.at) {
      case 'opening':
        return this.#readOpening()
      case 'first-boundary':
        return this.#readFirstBoundary()
      case 'header':
        return this.#readHeader()
      case 'entries':
        return this.#readEntries(this.#state.start)
      case 'content':
        return this.#skipContent(this.#state)
    }
  }

  /** Line ends, then the boundary. What else may precede it for the ML server depends on how the body is cut. */
  #readOpening(): boolean {
    const { bytes } = this.#window
    let lineEnds = 0
    while (bytes[lineEnds] === CR || bytes[lineEnds] === LF) lineEnds++
    this.#window.discard(lineEnds)
    const start = bytes.subarray(lineEnds)
    const opening = this.#delimiter.subarray(LINE_END)
    if (start.length < opening.length)
      return !opening.subarray(0, start.length).equals(start) && this.#fail('malformed-multipart')
    if (!start.subarray(0, opening.length).equals(opening)) return this.#fail('malformed-multipart')
    this.#window.discard(opening.length)
    return this.#go({ at: 'first-boundary' })
  }

  #readFirstBoundary(): boolean {
    switch (endOfBoundary(this.#window.bytes, 0)) {
      case 'incomplete':
        return false
      case 'none':
        return this.#fail('malformed-multipart')
      case 'close':
        return this.#finish(unclassified('no-entries'))
      case 'part':
        return this.#go({ at: 'header' })
    }
  }

  #readHeader(): boolean {
    const { bytes } = this.#window
    const end = bytes.indexOf(HEADER_END, this.#searched, 'latin1')
    if (end === -1) {
      this.#searched = Math.max(0, bytes.length - HEADER_END.length + 1)
      return bytes.length > longestPartHeader(this.#limits) && this.#fail('too-large-part-header')
    }
    const header = this.#memory.header(bytes.toString('latin1', Math.min(LINE_END, end), end))
    if (typeof header === 'string') return this.#fail(header)
    if (++this.#parts[header.isFile ? 'files' : 'fields'] > this.#limits.parts)
      return this.#fail('too-many-parts')
    if (header.name === 'image' && header.isFile && this.#fields.hasEntries) {
      this.#fields.setPayload('image', 'file')
      return this.#finish(this.#fields.classify('no-entries'))
    }
    const start = end + HEADER_END.length
    if (header.name === 'entries' && !header.isFile) return this.#go({ at: 'entries', start }, start)
    this.#window.discard(start)
    return this.#go({ at: 'content', header, isEmpty: true })
  }

  #readEntries(start: number): boolean {
    const { bytes } = this.#window
    const end = this.#findDelimiter()
    const size = (end === -1 ? this.#searched : end) - start
    if (size > this.#limits.entriesSize) {
      this.#fields.setEntries(() => ({ ok: false, reason: 'too-large-entries' }))
      return this.#go({ at: 'content', header: OTHER_FIELD, isEmpty: false }, this.#searched)
    }
    if (end === -1) return false
    const ending = endOfBoundary(bytes, end + this.#delimiter.length)
    if (ending === 'incomplete') return false
    if (ending === 'none') return this.#searchBehind(end)
    const part = Buffer.from(bytes.subarray(0, end))
    this.#fields.setEntries(() => this.#parseEntries(part, start))
    return this.#endPart(end, ending)
  }

  #skipContent(state: Extract<State, { at: 'content' }>): boolean {
    const end = this.#findDelimiter()
    const content = end === -1 ? this.#searched : end
    if (content > 0) state.isEmpty = false
    if (end === -1) {
      this.#window.discard(content)
      this.#searched = 0
      return false
    }
    const ending = endOfBoundary(this.#window.bytes, end + this.#delimiter.length)
    if (ending === 'incomplete') return false
    state.isEmpty &&= ending !== 'none'
    if (ending === 'none') return this.#searchBehind(end)
    this.#takePart(state)
    return this.#endPart(end, ending)
  }

  #takePart({ header: { name, isFile }, isEmpty }: Extract<State, { at: 'content' }>): void {
    if (name === 'entries') this.#fields.setEntriesFile()
    if (name === 'image' || name === 'text')
      this.#fields.setPayload(name, isFile ? 'file' : isEmpty ? 'empty' : 'text')
  }

  #parseEntries(part: Buffer, start: number): ParsedEntries {
    const remembers = this.#format.charset === 'utf-8'
    const known = remembers ? this.#memory.recallEntries(part) : undefined
    if (known !== undefined) return known
    const text = decodeField(part.subarray(start), this.#format.charset)
    const parsed = parseEntries(text, this.#limits)
    if (parsed.ok && remembers) this.#memory.rememberEntries(part, parsed)
    return parsed
  }

  /** @returns Where the next delimiter is in the window, or `-1`; then everything that cannot be one is searched. */
  #findDelimiter(): number {
    const { bytes } = this.#window
    const found = bytes.indexOf(this.#delimiter, this.#searched)
    this.#searched = found === -1 ? this.#startOfTornDelimiter(bytes) : found
    return found
  }

  /** Where a delimiter begins of which the rest has not arrived: only its first byte is a CR. */
  #startOfTornDelimiter(bytes: Buffer): number {
    const from = Math.max(this.#searched, bytes.length - this.#delimiter.length + 1)
    const start = from + bytes.subarray(from).lastIndexOf(CR)
    const isTorn =
      start >= from && this.#delimiter.subarray(0, bytes.length - start).equals(bytes.subarray(start))
    return isTorn ? start : bytes.length
  }

  /** A line that only begins like a delimiter is content. */
  #searchBehind(delimiter: number): true {
    this.#searched = delimiter + this.#delimiter.length
    return true
  }

  #endPart(end: number, ending: 'close' | 'part'): true {
    if (ending === 'close') return this.#finish(this.#fields.classify('no-entries'))
    this.#window.discard(end + this.#delimiter.length)
    return this.#go({ at: 'header' })
  }

  #go(state: State, searched = 0): true {
    this.#searched = searched
    this.#state = state
    return true
  }

  #fail(reason: UnclassifiedReason): true {
    return this.#finish(unclassified(reason))
  }

  #finish(verdict: Classification): true {
    this.#verdict = verdict
    return true
  }
}

/** A part whose name says nothing. */
const OTHER_FIELD: PartHeader = { name: '', isFile: false }

/** What follows a boundary: two dashes, a line end, or neither, so that it is none. */
function endOfBoundary(bytes: Buffer, at: number): 'close' | 'part' | 'none' | 'incomplete' {
  if (bytes.length < at + 2)
    return bytes.length === at || bytes[at] === DASH || bytes[at] === CR ? 'incomplete' : 'none'
  if (bytes[at] === DASH && bytes[at + 1] === DASH) return 'close'
  return bytes[at] === CR && bytes[at + 1] === LF ? 'part' : 'none'
}
