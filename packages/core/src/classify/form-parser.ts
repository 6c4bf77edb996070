import { unescape as percentDecode } from 'node:querystring'
import { defaults } from '../defaults.ts'
import { ByteWindow } from './byte-window.ts'
import { type Classification, unclassified } from './classification.ts'
import { parseEntriesText } from './entries.ts'

const AMPERSAND = 0x26

/**
 * Classifies an `application/x-www-form-urlencoded` body as the ML server reads it (starlette's `FormParser`): only `&`
 * separates fields, names are case-sensitive, and the last field of a name counts. It decides at the end of the body,
 * because any field may be repeated.
 */
export class FormParser {
  readonly #window = new ByteWindow()
  #fields = 0
  #previous = AMPERSAND

  /** @returns The classification, if it is certain before the end. */
  push(chunk: Buffer): Classification | undefined {
    if (this.#window.length + chunk.length > defaults.maxFormSize) return unclassified('too-large-form')
    this.#countFields(chunk)
    if (this.#fields > defaults.maxParts) return unclassified('too-many-parts')
    this.#window.append(chunk)
    return undefined
  }

  end(): Classification {
    const { entries: value, hasText } = this.#readFields()
    if (value === undefined) return unclassified('no-entries')
    if (value.length > defaults.maxEntriesSize) return unclassified('too-large-entries')
    const parsed = parseEntriesText(value)
    if (!parsed.ok) return unclassified(parsed.reason)
    const { entries, tasks } = parsed
    // The server takes an image only as a file, which such a body cannot hold.
    return { classified: true, entries, tasks, input: hasText ? 'text' : undefined }
  }

  /** Values other than the last `entries` are not decoded: they may be large. */
  #readFields(): { entries: string | undefined; hasText: boolean } {
    let entries: string | undefined
    let hasText = false
    for (const field of this.#window.bytes.toString('latin1').match(/[^&]+/g) ?? []) {
      const equals = field.indexOf('=')
      const name = decode(equals === -1 ? field : field.slice(0, equals))
      if (name === 'entries') entries = equals === -1 ? '' : field.slice(equals + 1)
      hasText ||= name === 'text'
    }
    return { entries: entries === undefined ? undefined : decode(entries), hasText }
  }

  #countFields(chunk: Buffer): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? AMPERSAND
      if (byte !== AMPERSAND && this.#previous === AMPERSAND) this.#fields++
      this.#previous = byte
    }
  }
}

/** Percent-encoded bytes are UTF-8, others Latin-1 (starlette: `unquote_plus` of a Latin-1 string). */
function decode(text: string): string {
  return percentDecode(text.replaceAll('+', ' '))
}
