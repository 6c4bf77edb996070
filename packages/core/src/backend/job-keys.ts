import type { Entry } from '../classify/classification.ts'
import { LONGEST_NAME, shortenList } from '../shorten.ts'
import { digestOf, digestOfAll } from './digest.ts'

/** The names by which the health of a backend is kept, for one request. */
export interface JobKeys {
  /** `task/type` of each entry. */
  readonly types: readonly string[]
  /** `task/type/model` of each entry. */
  readonly models: readonly string[]
  /** All entries, with their options. */
  readonly exact: () => string
  /** Bytes of the body, as far as they are known. */
  readonly size: () => number
  /** Whether the body has arrived; it has, when not given. */
  readonly isReady?: (() => boolean) | undefined
}

/** Of a request whose job is not known, or that does not matter. */
export const NO_KEYS: JobKeys = { types: [], models: [], exact: () => '', size: () => 0 }

/** Entries that have keys of their own. A request with more counts as one job that no other request shares. */
export const MOST_ENTRIES = 64

/** The names of an entry. */
export type EntryNames = Pick<Entry, 'task' | 'type' | 'model'>

/** The same entries, with a key in place of each name that is too long: every such name is read once. */
export function withShortNames(entries: readonly EntryNames[]): readonly EntryNames[] {
  if (entries.every(({ task, type, model }) => isShort(task) && isShort(type) && isShort(model)))
    return entries
  const keys = new Map<string, string>()
  const keyOf = (name: string) => {
    if (isShort(name)) return name
    const key = keys.get(name) ?? boundedKey([name], '')
    keys.set(name, key)
    return key
  }
  return entries.map(({ task, type, model }) => ({
    task: keyOf(task),
    type: keyOf(type),
    model: keyOf(model),
  }))
}

function isShort({ length }: string): boolean {
  return length <= LONGEST_NAME
}

/** The keys by name, of entries with short names: each has at most 256 characters, and there are at most 64 of a kind. */
export function namesOfEntries(entries: readonly EntryNames[]): Pick<JobKeys, 'types' | 'models'> {
  if (entries.length > MOST_ENTRIES) {
    const key = keyOfMany(entries)
    return { types: [key], models: [key] }
  }
  return {
    types: entries.map(({ task, type }) => boundedKey([task, type], '/')),
    models: entries.map(({ task, type, model }) => boundedKey([task, type, model], '/')),
  }
}

/**
 * Names in one key. A key that would be longer than 256 characters ends with a digest of all names instead, so that two
 * requests with long names do not share a key.
 */
export function boundedKey(names: readonly string[], separator: string): string {
  let length = separator.length * (names.length - 1)
  for (const name of names) length += name.length
  return length <= LONGEST_NAME ? names.join(separator) : digested(names, separator, digestOfAll(names))
}

/** Options come from clients and may be of any size, so the key is a digest of them. */
export function exactKey(entries: readonly Entry[]): string {
  return `exact ${digestOf(entries)}`
}

function keyOfMany(entries: readonly EntryNames[]): string {
  function* names() {
    for (const { task, type, model } of entries) yield* [task, type, model]
  }
  function* types() {
    for (const { task, type } of entries) yield `${task}/${type}`
  }
  return digested(types(), '+', digestOfAll(names()))
}

function digested(names: Iterable<string>, separator: string, digest: string): string {
  return `${shortenList(names, separator, LONGEST_NAME - digest.length - 1)}#${digest}`
}
