import { idOf } from '../backend/backend-view.ts'
import type { ModelProblem } from '../backend/model-problem.ts'
import type { Sample } from '../canary/samples.ts'
import type { Classification, Classified } from '../classify/classification.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RequestEvent, Router } from '../router/router.ts'
import { namesOf } from '../routing/jobs.ts'
import { fixedQuestion } from './question.ts'
import { WatchedJob } from './watched-job.ts'

/** Kinds of jobs that are watched. Names of models come from clients. */
const MOST_JOBS = 16
const NOTICE = 'agreement'
const REMEDY =
  'Use the same version, model and precision on all, then repeat the jobs that the wrong one has answered.'

type WatchedRouter = Pick<Router, 'on' | 'modules' | 'backends' | 'notices'>

/**
 * Compares the answers of backends that serve the same model on one route. Mixed versions, another model cache or a port that
 * ignores the name of the model give embeddings that do not compare, which spoils Immich's search index without an error.
 *
 * The option `agreement` of the router chooses what follows, also after a reload. A backend is asked when it has just served such
 * a job, so its model is loaded: at first, every 24 h, and after a recovery or a reload.
 *
 * @returns Ends it; so does closing the router.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { watchAgreement } from '@immich-ml-router/core/agreement'
 *
 * const router = createRouter({
 *   backends: { gpu: { url: 'http://gpu:3003' }, hailo: { url: 'http://hailo:3003' } },
 *   agreement: 'exclude',
 * })
 * watchAgreement(router)
 * ```
 */
export function watchAgreement(router: WatchedRouter): () => void {
  return new AgreementWatch(router).start()
}

class AgreementWatch {
  readonly #router: WatchedRouter
  readonly #jobs = new Map<string, WatchedJob>()

  constructor(router: WatchedRouter) {
    this.#router = router
  }

  start(): () => void {
    const router = this.#router
    const ends = [
      router.modules.attach({ serves: 'agreement' }),
      router.on('request', (event) => this.#onRequest(event)),
      router.on('backend', (event) => this.#onBackend(event)),
      router.on('reload', () => this.#onReload()),
      router.on('close', () => end()),
    ]
    const end = () => {
      for (const stop of ends) stop()
    }
    return end
  }

  get #mode(): 'warn' | 'exclude' | 'off' {
    return this.#router.modules.config().agreement ?? 'warn'
  }

  #onRequest({ classification, route, backend, outcome, start, steps }: RequestEvent): void {
    if (this.#mode === 'off' || route === undefined || backend === undefined) return
    if (outcome?.kind !== 'answered' || outcome.verdict.kind !== 'good') return
    if (classification?.classified !== true || classification.input === undefined) return
    const job = this.#jobOf(classification)
    if (job === undefined) return
    const now = start + steps.total
    const id = idOf(backend)
    job.served(route, id, now)
    for (const member of job.due(route, id, this.#router.backends.of(route), now))
      this.#ask(job, member.id, route, now)
  }

  #jobOf(classification: Classified): WatchedJob | undefined {
    const { kind } = namesOf(classification.entries)
    const known = this.#jobs.get(kind)
    if (known !== undefined || this.#jobs.size >= MOST_JOBS) return known
    const job = new WatchedJob(classification)
    this.#jobs.set(kind, job)
    return job
  }

  async #ask(job: WatchedJob, id: string, route: string, now: number): Promise<void> {
    const { backends } = this.#router
    const hasAnswer = await job.ask(id, now, async (whenFull) => {
      const sample = await this.#questionOf(job)
      const backend = backends.of(route).find((member) => member.id === id)
      if (sample === undefined || backend === undefined) return undefined
      return backends.ask(backend, job.classification, sample, { whenFull })
    })
    if (hasAnswer) this.#report()
  }

  /** Faces are compared on a request that had some: the first one that is known stays the question. */
  #questionOf(job: WatchedJob): Promise<Sample> | undefined {
    if (job.question !== undefined) return job.question
    const sample = hasFaces(job.classification)
      ? this.#router.backends.sampleOf(job.classification)
      : fixedQuestion(job.classification)
    job.question = sample && Promise.resolve(sample)
    return job.question
  }

  /** After a recovery another server may answer at the address. */
  #onBackend(event: BackendEvent): void {
    if (!isRecovery(event)) return
    const { backend, endpoint } = event
    const isMeant = (id: string) =>
      endpoint === undefined ? id.startsWith(`${backend}@`) : id === `${backend}@${endpoint}`
    for (const job of this.#jobs.values()) job.expire(isMeant)
  }

  #onReload(): void {
    const { backends } = this.#router
    if (this.#mode === 'off') this.#jobs.clear()
    for (const job of this.#jobs.values()) {
      job.prune(backends)
      job.expire(() => true)
    }
    this.#report()
  }

  #report(): void {
    const { backends } = this.#router
    const all = new Map<string, ModelProblem[]>()
    for (const job of this.#jobs.values())
      for (const [id, problems] of job.problems(backends, this.#mode === 'exclude'))
        all.set(id, [...(all.get(id) ?? []), ...problems])
    backends.report(all)
    this.#notify(all)
  }

  #notify(problems: ReadonlyMap<string, readonly ModelProblem[]>): void {
    const { notices } = this.#router
    const reasons = new Set(
      [...problems].flatMap(([id, ofBackend]) =>
        ofBackend.map(({ reason, excluded }) =>
          excluded ? `${reason}; ${id.slice(0, id.indexOf('@'))} is excluded` : reason,
        ),
      ),
    )
    if (reasons.size === 0) notices.clear(NOTICE)
    else
      notices.set({
        kind: NOTICE,
        level: this.#mode === 'exclude' ? 'warning' : 'error',
        message: `${[...reasons].join('. ')}. ${REMEDY}`,
      })
  }
}

function hasFaces({ tasks }: Classification): boolean {
  return tasks.some((task) => task === 'facial-recognition')
}

function isRecovery(event: BackendEvent): boolean {
  switch (event.kind) {
    case 'probe':
      return event.to.kind === 'up' && event.from.kind === 'down'
    case 'breaker':
      return event.task === undefined && event.to.kind === 'closed'
    case 'enabled':
      return event.enabled
    default:
      return false
  }
}
