import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { shortenList } from '../../shorten.ts'
import type { JobKeys } from '../job-keys.ts'

/** Ends the name of jobs that a backend refuses because of their options: it may do others of their types. */
export const WITH_OPTIONS = ' (with these options)'

/** What a backend has said that it cannot do, each for a time, and what it has done. */
export class Capabilities {
  readonly #clock: Clock
  /** By `task/type`, `task/type/model`, or a job with its options: until when, and how people name it. */
  readonly #lacks = new Map<string, { readonly until: number; readonly name: string }>()
  /** Tasks, types and models that it has answered well. Names come from clients: so many are kept at most. */
  readonly #served = new Set<string>()
  #tooLarge: { readonly size: number; readonly until: number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether nothing is known that it cannot do. */
  get isFull(): boolean {
    return this.#lacks.size === 0 && this.#tooLarge === undefined
  }

  /** Tasks, types and models that it lacks, and until when that is believed. */
  get lacks(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#lacks.values()].map(({ name, until }) => [name, until]))
  }

  /** Bytes of a body that is too large for what stands in front of it; `undefined` when none was. */
  get sizeLimit(): number | undefined {
    const limit = this.#tooLarge
    return limit !== undefined && this.#clock.now() < limit.until ? limit.size : undefined
  }

  /** Until when it cannot do this job; 0 when it can. */
  lackingUntil(job: JobKeys): number {
    const until = this.#namesLackingUntil(job)
    const limit = this.#tooLarge
    return limit !== undefined && job.size() >= limit.size ? Math.max(until, limit.until) : until
  }

  #namesLackingUntil({ types, models, exact }: JobKeys): number {
    let until = 0
    if (this.#lacks.size > 0) {
      for (const key of [...types, ...models, exact()])
        until = Math.max(until, this.#lacks.get(key)?.until ?? 0)
    }
    return until
  }

  /** Its operator says that it can do everything now. */
  forget(): void {
    this.#lacks.clear()
    this.#tooLarge = undefined
  }

  /**
   * Whether it cannot do this job, and has never done such a job. A size that a proxy in front of it refuses says nothing about
   * the job.
   */
  refuses(job: JobKeys): boolean {
    return this.#clock.now() < this.#namesLackingUntil(job) && !this.hasServed(job)
  }

  /** Whether it has answered such a job well. */
  hasServed({ types, models }: JobKeys): boolean {
    return (models.length === 0 ? types : models).every((key) => this.#served.has(key))
  }

  /** It has done this job. */
  served(job: JobKeys): void {
    const { types, models, exact, size } = job
    // Of a request whose job is not known, there are no models.
    for (const key of models.length === 0 ? types : models)
      if (this.#served.size < defaults.mostTasks) this.#served.add(key)
    if (this.#lacks.size > 0) for (const key of [...types, ...models, exact()]) this.#lacks.delete(key)
    if (this.#tooLarge !== undefined && size() >= this.#tooLarge.size) this.#tooLarge = undefined
  }

  /**
   * It has said that it cannot do this job. Of several entries it is not known which one is missing.
   *
   * @returns What is new, and until when it is believed.
   */
  refused(
    job: JobKeys,
    what: 'type' | 'model' | 'exact',
  ): { readonly name: string; readonly until: number } | undefined {
    const key = keyOf(job, what)
    if (key === undefined) return undefined
    const now = this.#clock.now()
    for (const [old, { until }] of this.#lacks) if (until <= now) this.#lacks.delete(old)
    const isKnown = this.#lacks.has(key)
    if (this.#lacks.size >= defaults.mostTasks && !isKnown) return undefined
    const until = now + defaults.lackTime
    const name = what === 'exact' ? nameOfEntries(job.types) : key
    this.#lacks.set(key, { until, name })
    return isKnown ? undefined : { name, until }
  }

  /** A proxy in front of it has refused a body of this size. @returns What is new, and until when it is believed. */
  refusedSize(size: number): { readonly name: string; readonly until: number } | undefined {
    const known = this.sizeLimit
    const until = this.#clock.now() + defaults.lackTime
    this.#tooLarge = { size: known === undefined ? size : Math.min(known, size), until }
    return known !== undefined && known <= size
      ? undefined
      : { name: `bodies of ${size} bytes or more`, until }
  }
}

/** A request of faces or OCR has two types of one task, of which both are missing where one is. */
function keyOf({ types, models, exact }: JobKeys, what: 'type' | 'model' | 'exact'): string | undefined {
  if (what === 'exact') return models.length === 0 ? undefined : exact()
  const keys = what === 'type' ? types : models
  const [first, ...others] = keys
  if (first === undefined) return undefined
  const task = first.split('/', 1)[0]
  return others.every((key) => key.split('/', 1)[0] === task) ? first : undefined
}

/** How people name a job with its options: these may be long, and hold anything. */
export function nameOfEntries(types: readonly string[]): string {
  return `${shortenList(types, '+')}${WITH_OPTIONS}`
}
