import type { BackendInfo, BackendView } from '../backend/backend-view.ts'
import { restartOf } from '../backend/group-change.ts'
import type { Classified } from '../classify/classification.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RequestEvent, Router } from '../router/router.ts'
import { jobNames } from '../routing/jobs.ts'
import { KeepWarm } from './keep-warm.ts'
import { type RecentJob, RecentJobs } from './recent-jobs.ts'
import { WarmSettings } from './warm-settings.ts'

/**
 * Time before a recovery, in milliseconds: the backend loads the models of the jobs requested in it. It is the default of
 * `MACHINE_LEARNING_MODEL_TTL`: an ML server that is idle for this time restarts its worker to free the memory of its models. The restart
 * may look like an outage, and must not load the models again.
 */
const RECENT = 300_000
/** The most jobs whose models a backend loads at once. */
const MOST_LOADED = 8

type WarmedRouter = Pick<Router, 'on' | 'modules' | 'backends' | 'waiting'>

/** Options of {@link warmUp}. */
export interface WarmUpOptions {
  /**
   * The clock of the router, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

/**
 * Loads models before requests need them. After a recovery, a wake-up or a new address, a backend loads the models that were used in
 * the last 5 min; until then, their requests go to another backend, if one is available. The option `keepWarm` of a backend or a route
 * keeps the models of interactive jobs loaded. Needs the option `canary`, which is on by default.
 *
 * @returns Ends it; so does closing the router.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { warmUp } from '@immich-ml-router/core/warm-up'
 *
 * const router = createRouter({
 *   backends: {
 *     gpu: { url: 'http://gpu:3003', wake: { mac: 'aa:bb:cc:dd:ee:ff' } },
 *     nas: { url: 'http://nas:3003', keepWarm: '4m' },
 *   },
 * })
 * warmUp(router)
 * ```
 */
export function warmUp(router: WarmedRouter, { clock = systemClock }: WarmUpOptions = {}): () => void {
  return new WarmUp(router, clock).start()
}

class WarmUp {
  readonly #router: WarmedRouter
  readonly #clock: Clock
  readonly #recent = new RecentJobs()
  readonly #kept: KeepWarm
  #settings: WarmSettings

  constructor(router: WarmedRouter, clock: Clock) {
    this.#router = router
    this.#clock = clock
    this.#settings = new WarmSettings(router.modules.config())
    this.#kept = new KeepWarm(router, clock, this.#settings)
  }

  start(): () => void {
    const router = this.#router
    const ends = [
      router.modules.attach({ serves: 'keepWarm' }),
      router.on('request', (event) => this.#onRequest(event)),
      router.on('backend', (event) => this.#onBackend(event)),
      router.on('reload', () => {
        this.#settings = new WarmSettings(router.modules.config())
        this.#kept.configure(this.#settings)
      }),
      router.on('close', () => end()),
    ]
    const end = () => {
      for (const stop of ends) stop()
      this.#kept.end()
    }
    return end
  }

  #onRequest({ classification, route, backend, outcome }: RequestEvent): void {
    if (route === undefined || backend === undefined || classification?.classified !== true) return
    if (outcome?.kind !== 'answered' || outcome.verdict.kind !== 'good') return
    const job = this.#recent.add(route, classification, this.#clock.now())
    this.#kept.used(job, backend)
  }

  /** The event comes before the backend gets requests. */
  #onBackend(event: BackendEvent): void {
    if (!isStart(event)) return
    const { backends } = this.#router
    // A held request goes there at once, and loads its models itself.
    const held = new Set<string>()
    for (const { reason, classification } of this.#router.waiting())
      if (reason === 'unavailable') held.add(jobNames(classification).kind)
    const recent = this.#recent.since(this.#clock.now() - RECENT)
    const jobs = [...this.#kept.jobs, ...recent].filter(({ kind }) => !held.has(kind))
    const views = jobs.flatMap(({ route }) => backends.of(route).filter((view) => isMeant(view, event)))
    for (const view of new Set(views)) void backends.warm(view, this.#jobsOn(view, jobs))
  }

  /** The jobs that a backend may get: interactive jobs first, then the latest. */
  #jobsOn(view: BackendView, jobs: readonly RecentJob[]): Classified[] {
    const { backends } = this.#router
    const own = jobs.filter(
      ({ route, classification }) =>
        view.serves(classification.tasks) && backends.of(route).some(({ id }) => id === view.id),
    )
    const isInteractive = (job: RecentJob) => this.#settings.isInteractive(job)
    const ordered = [...own.filter(isInteractive), ...own.filter((job) => !isInteractive(job))]
    return [...new Map(ordered.map(({ kind, classification }) => [kind, classification])).values()].slice(
      0,
      MOST_LOADED,
    )
  }
}

/** Whether a backend starts to get requests, and may have been restarted. */
function isStart(event: BackendEvent): boolean {
  return restartOf(event, 0) !== undefined || (event.kind === 'resolved' && event.added.length > 0)
}

function isMeant({ name, endpoint }: BackendInfo, event: BackendEvent): boolean {
  if (name !== event.backend) return false
  return event.kind === 'resolved' ? event.added.includes(endpoint ?? '') : endpoint === event.endpoint
}
