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
    // As in starlette: bytes that are not percent-encoded are Latin-1. The `&` keeps URLSearchParams from dropping a `?`.
    const fields = new URLSearchParams(`&${this.#window.bytes.toString('latin1')}`)
    const value = fields.getAll('entries').at(-1)
    if (value === undefined) return unclassified('no-entries')
    if (value.length > defaults.maxEntriesSize) return unclassified('too-large-entries')
    const parsed = parseEntriesText(value)
    if (!parsed.ok) return unclassified(parsed.reason)
    const { entries, tasks } = parsed
    // The server takes an image only as a file, which such a body cannot hold.
    return { classified: true, entries, tasks, input: fields.has('text') ? 'text' : undefined }
  }

  #countFields(chunk: Buffer): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? AMPERSAND
      if (byte !== AMPERSAND && this.#previous === AMPERSAND) this.#fields++
      this.#previous = byte
    }
  }
}
