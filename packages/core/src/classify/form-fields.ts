import {
  type Classification,
  type PredictInput,
  type UnclassifiedReason,
  unclassified,
} from './classification.ts'
import type { ParsedEntries } from './entries.ts'

/** What a form has under a name: a file, a field with text, or an empty field, which the ML server takes for none. */
export type FieldKind = 'file' | 'text' | 'empty'

/**
 * The fields of a form that decide what the ML server runs: of two fields of one name the last counts, and an image counts
 * before a text (FastAPI's `Form` and `File`, and Immich's `predict`).
 */
export class FormFields {
  #entries: (() => ParsedEntries) | 'file' | undefined
  #image: FieldKind | undefined
  #text: FieldKind | undefined

  /** @param read Called once, if these are the entries that count. */
  setEntries(read: () => ParsedEntries): void {
    this.#entries = read
  }

  /** A file named `entries`, which the ML server does not read as a field. */
  setEntriesFile(): void {
    this.#entries = 'file'
  }

  setPayload(name: PredictInput, kind: FieldKind): void {
    if (name === 'image') this.#image = kind
    else this.#text = kind
  }

  /** Whether there is a field of entries that nothing has replaced so far. */
  get hasEntries(): boolean {
    return typeof this.#entries === 'function'
  }

  /** @param otherwise The reason when the form has no entries. */
  classify(otherwise: UnclassifiedReason): Classification {
    if (this.#entries === 'file') return unclassified('entries-in-file')
    const parsed = this.#entries?.()
    if (parsed === undefined) return unclassified(otherwise)
    if (!parsed.ok) return unclassified(parsed.reason)
    return { classified: true, entries: parsed.entries, tasks: parsed.tasks, input: this.#input }
  }

  get #input(): PredictInput | undefined {
    if (this.#image === 'file' || this.#image === 'text') return 'image'
    return this.#text === 'text' ? 'text' : undefined
  }
}
