import { idOf } from '../backend/backend-view.ts'
import { canaryBody } from '../canary/canary-body.ts'
import type { Clock } from '../clock.ts'
import type { Router } from '../router/router.ts'
import type { RecentJob } from './recent-jobs.ts'
import type { WarmSettings } from './warm-settings.ts'

type WarmRouter = Pick<Router, 'backends'>

/** Models that are kept. Their names come from clients. */
const MOST_MODELS = 64
/** A model that no request uses for this time is not kept warm anymore, in milliseconds: Immich may be set to another one. */
const LONGEST_IDLE = 7 * 24 * 3_600_000

/** The models of one job on one backend. */
interface WarmModel {
  readonly job: RecentJob
  readonly backend: { readonly name: string; readonly id: string }
  /** When a request last asked for them, anywhere, on the clock. */
  asked: number
  /** When they were last used there, on the clock. */
  used: number
  cancel: () => void
}

/** Sends a canary to a backend whose models of an interactive job are idle for the time of `keepWarm`. */
export class KeepWarm {
  readonly #router: WarmRouter
  readonly #clock: Clock
  #settings: WarmSettings
  readonly #models = new Map<string, WarmModel>()

  constructor(router: WarmRouter, clock: Clock, settings: WarmSettings) {
    this.#router = router
    this.#clock = clock
    this.#settings = settings
  }

  /** The jobs whose models are kept loaded. */
  get jobs(): RecentJob[] {
    return [...this.#models.values()].map(({ job }) => job)
  }

  /** Applies other settings. */
  configure(settings: WarmSettings): void {
    this.#settings = settings
    for (const [key, { backend, job }] of this.#models) {
      const isThere = this.#router.backends.of(job.route).some(({ id }) => id === backend.id)
      if (!isThere || settings.keepWarm(backend.name, job.route) === undefined) this.#remove(key)
      else this.#schedule(key)
    }
  }

  /** A backend has done the job. From then on, every backend of its route is kept warm for it. */
  used(job: RecentJob, by: Parameters<typeof idOf>[0]): void {
    if (!this.#settings.isInteractive(job)) return
    for (const backend of this.#router.backends.of(job.route)) {
      if (this.#settings.keepWarm(backend.name, job.route) === undefined) continue
      if (!backend.serves(job.classification.tasks)) continue
      const key = `${backend.id} ${job.kind} ${job.route}`
      const known = this.#models.get(key)
      const now = this.#clock.now()
      if (known === undefined) this.#add(key, { job, backend, asked: now, used: now, cancel: () => {} })
      else {
        known.asked = now
        if (backend.id === idOf(by)) known.used = now
      }
    }
  }

  #add(key: string, model: WarmModel): void {
    for (const oldest of this.#models.keys()) {
      if (this.#models.size < MOST_MODELS) break
      this.#remove(oldest)
    }
    this.#models.set(key, model)
    this.#schedule(key)
  }

  end(): void {
    for (const key of [...this.#models.keys()]) this.#remove(key)
  }

  #remove(key: string): void {
    this.#models.get(key)?.cancel()
    this.#models.delete(key)
  }

  /** Looks again once the models may have been idle for too long. */
  #schedule(key: string): void {
    const model = this.#models.get(key)
    if (model === undefined) return
    const { backend, job, used } = model
    const period = this.#settings.keepWarm(backend.name, job.route)
    model.cancel()
    if (period === undefined) return
    const rest = Math.max(0, used + period - this.#clock.now())
    model.cancel = this.#clock.after(rest, () => {
      if (this.#clock.now() - model.asked > LONGEST_IDLE) return this.#remove(key)
      if (model.used + period <= this.#clock.now()) void this.#ask(model)
      this.#schedule(key)
    })
  }

  /** A backend that cannot be asked now is asked after the next period; it loads its models when it recovers. */
  async #ask(model: WarmModel): Promise<void> {
    const { backend, job } = model
    const { backends } = this.#router
    model.used = this.#clock.now()
    const { classification } = job
    const { entries, input } = classification
    if (input === undefined) return
    const sample = backends.sampleOf(classification) ?? (await canaryBody({ entries, input }))
    const view = backends.of(job.route).find(({ id }) => id === backend.id)
    if (view !== undefined) await backends.ask(view, classification, sample, { whenFull: true })
  }
}
