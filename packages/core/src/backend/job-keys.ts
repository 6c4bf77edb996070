import type { Entry } from '../classify/classification.ts'

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
}

/** Of a request whose job is not known, or that does not matter. */
export const NO_KEYS: JobKeys = { types: [], models: [], exact: () => '', size: () => 0 }

/** @param size Bytes of the body. */
export function jobKeysOf(entries: readonly Entry[], size: () => number = () => 0): JobKeys {
  return {
    types: entries.map(({ task, type }) => `${task}/${type}`),
    models: entries.map(({ task, type, model }) => `${task}/${type}/${model}`),
    exact: () => exactKey(entries),
    size,
  }
}

/** Options come from clients and may be of any size. */
export function exactKey(entries: readonly Entry[]): string {
  return JSON.stringify(entries).slice(0, LONGEST)
}

const LONGEST = 4_096
