import { boundedKey, exactKey, type JobKeys, namesOfEntries, withShortNames } from '../backend/job-keys.ts'
import type { Job } from '../balance/strategy.ts'
import type { Classification, Entry } from '../classify/classification.ts'
import { defaults } from '../config/defaults.ts'
import { LONGEST_NAME } from '../shorten.ts'

/** How a request's job is named: for strategies, and for the health of backends. */
export interface JobNames extends Pick<Job, 'kind' | 'models'> {
  readonly types: readonly string[]
  /** `task/type/model` of each entry. */
  readonly typeModels: readonly string[]
}

/**
 * The names of jobs, each put together once: a string that is made anew for every request has to be hashed anew for every
 * map that it is looked up in.
 */
export class Jobs {
  readonly #byModel = new Map<string, JobNames[]>()

  of({ entries }: Classification): JobNames {
    const [entry, ...others] = entries
    if (entry === undefined) return NOTHING
    if (others.length > 0) return namesOf(entries)
    if (entry.task.length + entry.type.length + entry.model.length > LONGEST_NAME - 2) return namesOf(entries)
    const prefix = `${entry.task}/${entry.type}/`
    const known = this.#byModel.get(entry.model)
    const found = known?.find(
      ({ kind }) => kind.startsWith(prefix) && kind.length === prefix.length + entry.model.length,
    )
    if (found !== undefined) return found
    const made = namesOf(entries)
    this.#remember(entry.model, [...(known ?? []), made])
    return made
  }

  /** Names come from clients, and must not fill the memory. */
  #remember(model: string, names: JobNames[]): void {
    if (this.#byModel.size >= defaults.mostKinds || names.length > MOST_OF_A_MODEL) this.#byModel.clear()
    this.#byModel.set(model, names)
  }
}

/** Requests whose job is not known have a health of their own on each backend. */
const NOTHING: JobNames = { kind: '', models: '', types: ['unclassified'], typeModels: [] }
const MOST_OF_A_MODEL = 10

/** The names of a job, put together for this call. Each has at most 256 characters. */
export function namesOf(written: readonly Entry[]): JobNames {
  if (written.length === 0) return NOTHING
  const entries = withShortNames(written)
  const { types, models: typeModels } = namesOfEntries(entries)
  const kind = boundedKey(typeModels, '+')
  // Too many entries are one job.
  if (types.length < entries.length) return { kind, models: kind, types, typeModels }
  const models = new Set(entries.map(({ task, model }) => boundedKey([task, model], '/')))
  return { kind, models: boundedKey([...models].sort(), '+'), types, typeModels }
}

/** The keys of a request's health on a backend. @param size Bytes of its body, as far as they are known. */
export function keysOf(
  { types, typeModels }: JobNames,
  { entries }: Classification,
  size: () => number,
): JobKeys {
  let exact: string | undefined
  const exactOnce = () => {
    exact ??= exactKey(entries)
    return exact
  }
  return { types, models: typeModels, exact: exactOnce, size }
}
