import { boundedKey, exactKey, type JobKeys, namesOfEntries, withShortNames } from '../backend/job-keys.ts'
import type { Job } from '../balance/strategy.ts'
import type { Classification, Entry } from '../classify/classification.ts'
import { defaults } from '../config/defaults.ts'
import { LONGEST_NAME } from '../shorten.ts'

/** The names of a job: for strategies, and for the health of backends. */
export interface JobNames extends Pick<Job, 'kind' | 'models'> {
  readonly types: readonly string[]
  /** `task/type/model` of each entry. */
  readonly typeModels: readonly string[]
}

/** Memo table of job names. A string that is made for every request must be hashed for every map it is looked up in. */
const byModel = new Map<string, JobNames[]>()

/** The names of a request's job. */
export function jobNames({ entries }: Classification): JobNames {
  const [entry, ...others] = entries
  if (entry === undefined) return NOTHING
  if (others.length > 0) return namesOf(entries)
  if (entry.task.length + entry.type.length + entry.model.length > LONGEST_NAME - 2) return namesOf(entries)
  const prefix = `${entry.task}/${entry.type}/`
  const known = byModel.get(entry.model)
  const found = known?.find(
    ({ kind }) => kind.startsWith(prefix) && kind.length === prefix.length + entry.model.length,
  )
  if (found !== undefined) return found
  const made = namesOf(entries)
  const names = [...(known ?? []), made]
  // Names come from clients, so the table has a bound.
  if (byModel.size >= defaults.mostKinds || names.length > MAX_PER_MODEL) byModel.clear()
  byModel.set(entry.model, names)
  return made
}

/** Unclassified requests have a health of their own on each backend. */
const NOTHING: JobNames = { kind: '', models: '', types: ['unclassified'], typeModels: [] }
const MAX_PER_MODEL = 10

/** The names of a job, without the memo table. Each has at most 256 characters. */
export function namesOf(written: readonly Entry[]): JobNames {
  if (written.length === 0) return NOTHING
  const entries = withShortNames(written)
  const { types, models: typeModels } = namesOfEntries(entries)
  const kind = boundedKey(typeModels, '+')
  // More entries than names: they count as one job.
  if (types.length < entries.length) return { kind, models: kind, types, typeModels }
  const models = new Set(entries.map(({ task, model }) => boundedKey([task, model], '/')))
  return { kind, models: boundedKey([...models].sort(), '+'), types, typeModels }
}

/**
 * Derives the keys by which latencies and capabilities of a job are stored.
 *
 * @param size Size of the body in bytes.
 */
export function jobKeysOf(entries: readonly Entry[], size: () => number = () => 0): JobKeys {
  return keysOf(namesOf(entries), { entries }, size)
}

/** The keys of a request's health on a backend. @param size Bytes of its body, as far as they have arrived. */
export function keysOf(
  { types, typeModels }: JobNames,
  { entries }: Pick<Classification, 'entries'>,
  size: () => number,
  isReady?: () => boolean,
): JobKeys {
  let exact: string | undefined
  const exactOnce = () => {
    exact ??= exactKey(entries)
    return exact
  }
  return { types, models: typeModels, exact: exactOnce, size, isReady }
}
