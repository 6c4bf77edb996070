import type { JobView } from './wire.ts'

/** Models of a backend. */
const MOST_MODELS = 5

/** The models that each backend used last. */
export class LastModels {
  /** By name of the backend; the last model is first. */
  readonly #models = new Map<string, readonly string[]>()

  /** A backend has answered a job. */
  add(backend: string, { entries }: JobView): void {
    for (const { model } of entries) {
      const known = this.#models.get(backend) ?? []
      if (known[0] === model) continue
      const others = known.filter((other) => other !== model)
      this.#models.set(backend, [model, ...others].slice(0, MOST_MODELS))
    }
  }

  of(backend: string): readonly string[] {
    return this.#models.get(backend) ?? []
  }

  /** Forgets the backends that are gone. */
  keepOnly(backends: ReadonlySet<string>): void {
    for (const name of this.#models.keys()) if (!backends.has(name)) this.#models.delete(name)
  }
}
