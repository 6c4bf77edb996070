import { Backend } from './backend.ts'
import type { BackendSettings, BackendTraits } from './backend-settings.ts'
import type { Obstacle } from './health/health.ts'
import type { JobKeys } from './job-keys.ts'

/** Stands for a backend whose name has had no address yet: requests wait for it, and none goes there. */
export class Unresolved extends Backend {
  #error: Error | undefined

  constructor(name: string, settings: BackendSettings) {
    super(name, { ...settings, check: undefined })
  }

  /** Why nothing can be sent there, in words. */
  get reason(): string {
    return `${this.name} has no address ${this.#error === undefined ? 'yet' : `(${this.#error.message})`}`
  }

  override adapt(traits: BackendTraits): void {
    super.adapt({ ...traits, check: undefined })
  }

  fail(error: Error): void {
    this.#error = error
  }

  override get enabled(): boolean {
    return false
  }

  override get down(): boolean {
    return true
  }

  override get isPlain(): boolean {
    return false
  }

  override obstacle(job: JobKeys, urgent?: boolean): Obstacle {
    const own = super.obstacle(job, urgent)
    if (own?.kind === 'disabled') return own
    const kind = this.#error === undefined ? 'resolving' : 'unresolved'
    return { kind, until: Number.POSITIVE_INFINITY }
  }
}
