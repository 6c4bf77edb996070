import type { Classification, Entry } from '../classify/classification.ts'
import { defaults } from '../defaults.ts'
import type { Job } from '../strategy/strategy.ts'

type Names = Pick<Job, 'kind' | 'models'>

/**
 * The names of jobs, each put together once: a string that is made anew for every request has to be hashed anew for every
 * map that it is looked up in.
 */
export class Jobs {
  readonly #byModel = new Map<string, Names[]>()

  of({ entries }: Classification): Names {
    const [entry, ...others] = entries
    if (entry === undefined) return NOTHING
    if (others.length > 0) return namesOf(entries)
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
  #remember(model: string, names: Names[]): void {
    if (this.#byModel.size >= defaults.mostKinds || names.length > MOST_OF_A_MODEL) this.#byModel.clear()
    this.#byModel.set(model, names)
  }
}

const NOTHING: Names = { kind: '', models: '' }
const MOST_OF_A_MODEL = 10

/** The same, put together anew. */
export function namesOf(entries: readonly Entry[]): Names {
  const kinds = entries.map(({ task, type, model }) => `${task}/${type}/${model}`)
  const models = entries.map(({ task, model }) => `${task}/${model}`)
  return { kind: kinds.join('+'), models: [...new Set(models)].sort().join('+') }
}
