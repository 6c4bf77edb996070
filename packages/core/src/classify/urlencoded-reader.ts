import { ByteWindow } from './byte-window.ts'
import { type Classification, unclassified } from './classification.ts'
import { parseEntries } from './entries.ts'
import { FormFields } from './form-fields.ts'
import type { ResolvedLimits } from './limits.ts'

const AMPERSAND = 0x26
const EQUALS = 0x3d
/** Length of `entries` with each character percent-encoded. */
const LONGEST_NAME = 3 * 'entries'.length
/** Length of a percent-encoded byte. */
const ENCODED = 3

/**
 * Classifies an `application/x-www-form-urlencoded` body with the rules of starlette's `FormParser`: only `&` separates fields,
 * names are case-sensitive, and the last field of a name counts. A field may be repeated, so the result is certain only at the
 * end of the body. Only `entries` is kept.
 */
export class UrlencodedReader {
  readonly #limits: ResolvedLimits
  readonly #form = new FormFields()
  #fields = 0
  /** A copy of the bytes of the name. */
  #name = new ByteWindow()
  /** Known once the name is complete. */
  #field: 'entries' | 'text' | 'image' | 'other' | undefined
  #value = new ByteWindow()
  #valueSize = 0

  constructor(limits: ResolvedLimits) {
    this.#limits = limits
  }

  /** Bytes at the end of the pushed chunks that are still in use. */
  get inUse(): number {
    return this.#value.length
  }

  /** @returns The classification if it is certain before the end. */
  push(chunk: Buffer): Classification | undefined {
    for (let start = 0; start < chunk.length; ) {
      const separator = chunk.indexOf(AMPERSAND, start)
      const end = separator === -1 ? chunk.length : separator
      if (end > start) this.#take(chunk.subarray(start, end))
      if (separator === -1) break
      this.#endField()
      if (this.#fields > this.#limits.parts) return unclassified('too-many-parts')
      start = separator + 1
    }
    return undefined
  }

  end(): Classification {
    this.#endField()
    return this.#fields > this.#limits.parts
      ? unclassified('too-many-parts')
      : this.#form.classify('no-entries')
  }

  #take(bytes: Buffer): void {
    if (this.#field !== undefined) {
      this.#takeValue(bytes)
      return
    }
    const equals = bytes.indexOf(EQUALS)
    const name = equals === -1 ? bytes : bytes.subarray(0, equals)
    // One more byte shows that the name is too long. A copy, so the chunk can be released.
    this.#name.append(Buffer.from(name.subarray(0, LONGEST_NAME + 1 - this.#name.length)))
    if (equals === -1) return
    this.#endName()
    this.#takeValue(bytes.subarray(equals + 1))
  }

  #endName(): void {
    const name = decode(this.#name.bytes.toString('latin1'))
    this.#name = new ByteWindow()
    this.#field = name === 'entries' || name === 'text' || name === 'image' ? name : 'other'
  }

  #takeValue(bytes: Buffer): void {
    this.#valueSize += bytes.length
    if (this.#field !== 'entries') return
    if (this.#valueSize <= ENCODED * this.#limits.entriesSize) this.#value.append(bytes)
    else this.#value = new ByteWindow()
  }

  #endField(): void {
    if (this.#field === undefined) {
      if (this.#name.length === 0) return
      this.#endName()
    }
    this.#fields++
    if (this.#field === 'entries') this.#setEntries(Buffer.from(this.#value.bytes), this.#valueSize)
    else if (this.#field === 'text' || this.#field === 'image')
      this.#form.setPayload(this.#field, this.#valueSize === 0 ? 'empty' : 'text')
    this.#value = new ByteWindow()
    this.#field = undefined
    this.#valueSize = 0
  }

  #setEntries(value: Buffer, size: number): void {
    const { entriesSize } = this.#limits
    const isWhole = size === value.length
    this.#form.setEntries(() => {
      const text = isWhole ? decode(value.toString('latin1')) : ''
      if (!isWhole || text.length > entriesSize) return { ok: false, reason: 'too-large-entries' }
      return parseEntries(text, this.#limits)
    })
  }
}

/** Python's `unquote_plus` of a Latin-1 text: percent-encoded bytes are UTF-8, other characters do not change. */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  return spaced.includes('%')
    ? spaced.replace(/[\0-\x7f]+/g, (ascii) => Buffer.from(percentDecoded(ascii), 'latin1').toString('utf8'))
    : spaced
}

/** @returns One character per byte. */
function percentDecoded(ascii: string): string {
  return ascii.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
