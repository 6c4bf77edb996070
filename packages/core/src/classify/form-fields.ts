import {
  type Classification,
  type PredictInput,
  type UnclassifiedReason,
  unclassified,
} from './classification.ts'
import type { ParsedEntries } from './entries.ts'

/** A file, a field with text, or an empty field, which the ML server ignores. */
export type FieldKind = 'file' | 'text' | 'empty'

/**
 * The fields of a form that decide the job. The last field of a name counts, and an image takes precedence over a text, as in
 * FastAPI's `Form` and `File` and Immich's `predict`.
 */
export class FormFields {
  #entries: (() => ParsedEntries) | 'file' | undefined
  #image: FieldKind | undefined
  #text: FieldKind | undefined

  /** @param read Called at most once, if no later field replaces these entries. */
  setEntries(read: () => ParsedEntries): void {
    this.#entries = read
  }

  /** Sets a file named `entries`, which the ML server does not read as a field. */
  setEntriesFile(): void {
    this.#entries = 'file'
  }

  setPayload(name: PredictInput, kind: FieldKind): void {
    if (name === 'image') this.#image = kind
    else this.#text = kind
  }

  /** Whether the last `entries` so far is a field. */
  get hasEntries(): boolean {
    return typeof this.#entries === 'function'
  }

  /** @param otherwise The reason if the form has no entries. */
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
