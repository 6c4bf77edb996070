import { ByteWindow } from './byte-window.ts'
import { type Classification, type UnclassifiedReason, unclassified } from './classification.ts'
import type { MultipartFormat } from './content-type.ts'
import { decodeField, type ParsedEntries, parseEntries } from './entries.ts'
import { FormFields } from './form-fields.ts'
import type { JobCache } from './job-cache.ts'
import type { ResolvedLimits } from './limits.ts'
import { longestPartHeader, type PartHeader } from './part-header.ts'

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d
const LINE_END = 2
const HEADER_END = '\r\n\r\n'

/** The position of the reader, where the window starts. In `entries`, the window starts with the part. */
type State =
  /** Before the first boundary. */
  | { readonly at: 'opening' }
  /** After the first boundary. */
  | { readonly at: 'first-boundary' }
  /** After a boundary, at the line end before the header of a part. */
  | { readonly at: 'header' }
  /** In a part named `entries`, whose content starts at offset `start` of the window. */
  | { readonly at: 'entries'; readonly start: number }
  /** In another part: only whether it is empty matters. */
  | { readonly at: 'content'; readonly header: PartHeader; isEmpty: boolean }

/**
 * Reads a multipart body until the job is certain, with the rules of the ML server (python-multipart's `MultipartParser`).
 *
 * The job is certain at the header of an image file after `entries`, or else at the end of the form. Only the part named
 * `entries` is kept; other parts are searched for their end and dropped.
 */
export class MultipartReader {
  readonly #window = new ByteWindow()
  readonly #fields = new FormFields()
  readonly #limits: ResolvedLimits
  readonly #cache: JobCache
  readonly #format: MultipartFormat
  /** The end of a part: CRLF, two dashes, the boundary. */
  readonly #delimiter: Buffer
  #state: State = { at: 'opening' }
  /** Bytes at the front of the window that contain no delimiter. */
  #searched = 0
  readonly #parts = { files: 0, fields: 0 }
  #result: Classification | undefined
  /** The last `entries` so far, and its offset in the body. */
  entries: { readonly start: number; readonly bytes: Buffer } | undefined

  constructor(format: MultipartFormat, limits: ResolvedLimits, cache: JobCache) {
    this.#format = format
    this.#limits = limits
    this.#cache = cache
    this.#delimiter = Buffer.from(`\r\n--${format.boundary}`, 'latin1')
  }

  /** Bytes at the end of the pushed chunks that are still in use. */
  get inUse(): number {
    return this.#window.length
  }

  /** @returns `undefined` until the classification is certain. */
  push(chunk: Buffer): Classification | undefined {
    this.#window.append(chunk)
    while (this.#result === undefined && this.#step()) {}
    return this.#result
  }

  /** Classifies a body that ends here, without its incomplete part. */
  end(): Classification {
    return this.#result ?? this.#fields.classify('truncated')
  }

  /** @returns `false` if it needs more bytes. */
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

  /** Reads line ends and the boundary. Whether the ML server accepts other bytes depends on the chunks, so they are an error. */
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
    const header = this.#cache.partHeader(bytes.toString('latin1', Math.min(LINE_END, end), end))
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
    if (ending === 'none') return this.#searchAfter(end)
    const part = Buffer.from(bytes.subarray(0, end))
    this.entries = { start: this.#window.discarded + start, bytes: part.subarray(start) }
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
    if (ending === 'none') return this.#searchAfter(end)
    this.#takePart(state)
    return this.#endPart(end, ending)
  }

  #takePart({ header: { name, isFile }, isEmpty }: Extract<State, { at: 'content' }>): void {
    if (name === 'entries') this.#fields.setEntriesFile()
    if (name === 'image' || name === 'text')
      this.#fields.setPayload(name, isFile ? 'file' : isEmpty ? 'empty' : 'text')
  }

  #parseEntries(part: Buffer, start: number): ParsedEntries {
    const isCached = this.#format.charset === 'utf-8'
    const known = isCached ? this.#cache.findEntries(part) : undefined
    if (known !== undefined) return known
    const text = decodeField(part.subarray(start), this.#format.charset)
    const parsed = parseEntries(text, this.#limits)
    if (parsed.ok && isCached) this.#cache.addEntries(part, parsed)
    return parsed
  }

  /** @returns Offset of the next delimiter in the window, or `-1`; then `#searched` is the start of a possible delimiter. */
  #findDelimiter(): number {
    const { bytes } = this.#window
    const found = bytes.indexOf(this.#delimiter, this.#searched)
    this.#searched = found === -1 ? this.#startOfPartialDelimiter(bytes) : found
    return found
  }

  /** Offset of a delimiter that is not complete yet, or the length of the window. Only its first byte is a CR. */
  #startOfPartialDelimiter(bytes: Buffer): number {
    const from = Math.max(this.#searched, bytes.length - this.#delimiter.length + 1)
    const start = from + bytes.subarray(from).lastIndexOf(CR)
    const isPartial =
      start >= from && this.#delimiter.subarray(0, bytes.length - start).equals(bytes.subarray(start))
    return isPartial ? start : bytes.length
  }

  /** Goes on after a line that starts like a delimiter but is content. */
  #searchAfter(delimiter: number): true {
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

  #finish(result: Classification): true {
    this.#result = result
    return true
  }
}

/** A part with another name. */
const OTHER_FIELD: PartHeader = { name: '', isFile: false }

/** What follows a boundary: two dashes (`close`), a line end (`part`), or other bytes, so it is not a boundary. */
function endOfBoundary(bytes: Buffer, at: number): 'close' | 'part' | 'none' | 'incomplete' {
  if (bytes.length < at + 2)
    return bytes.length === at || bytes[at] === DASH || bytes[at] === CR ? 'incomplete' : 'none'
  if (bytes[at] === DASH && bytes[at + 1] === DASH) return 'close'
  return bytes[at] === CR && bytes[at + 1] === LF ? 'part' : 'none'
}
