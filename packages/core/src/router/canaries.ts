import type { IncomingHttpHeaders } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { BackendCanary } from '../backend/backend-group.ts'
import { exactKey } from '../backend/job-keys.ts'
import { lateAfter } from '../backend/latency/lateness.ts'
import { type CanaryCheck, type CanaryResult, NO_CANARY } from '../canary/canary.ts'
import { canaryBody } from '../canary/canary-body.ts'
import type { CanaryJob } from '../canary/canary-job.ts'
import { CanarySamples, type Sample } from '../canary/samples.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { CompiledPolicy } from '../routing/compile-policy.ts'
import { jobNames } from '../routing/jobs.ts'

/** Sends the body of a canary to a backend. It never rejects. */
export type ForwardCanary = (
  backend: Backend,
  job: CanaryJob,
  body: Sample,
  options: { readonly timeout: number; readonly signal: AbortSignal },
) => Promise<CanaryResult>

/** The canaries of a policy: made of requests that its backends have answered well, and asked for by those that failed. */
export class Canaries {
  readonly #clock: Clock
  readonly #samples: CanarySamples
  readonly #policy: () => Pick<CompiledPolicy, 'canary' | 'timeouts'>

  /** @param policy The one in force. */
  constructor(clock: Clock, policy: () => Pick<CompiledPolicy, 'canary' | 'timeouts'>) {
    this.#clock = clock
    this.#samples = new CanarySamples(clock)
    this.#policy = policy
  }

  /** Sends canaries of the samples. */
  sender(forward: ForwardCanary): BackendCanary {
    return async (backend, job, signal) => {
      const sample = job.sample ?? this.#samples.get(job.key)
      // A proxy in front of this backend may refuse what another has answered.
      const { sizeLimit = Number.POSITIVE_INFINITY } = backend.health.capabilities
      const isSmall = sample !== undefined && sample.body.length < sizeLimit
      const body = await canaryBody(job, isSmall ? sample : undefined)
      const { load } = this.#policy().timeouts(backend.name)
      const timeout = lateAfter(backend.latency, job.key, this.#clock.now(), { interactive: false, load })
      const result = await forward(backend, job, body, { timeout, signal })
      if (job.purpose === 'load' && result.kind === 'passed') backend.latency.loaded(job.key)
      return result
    }
  }

  /** Asks a backend itself whether it works at such requests, by a canary that begins from now on. */
  check({ health }: Backend, classification: Classification, headers: IncomingHttpHeaders): CanaryCheck {
    const job = jobOf(classification, headers)
    if (!this.areSent || job === undefined) return NO_CANARY
    const { result, leave } = health.canary.check(job)
    return { result: result.then((found) => this.#limited(job, found)), leave }
  }

  /** A recent request of the same tasks, types and models that was answered with a result; `undefined` when there is none. */
  sampleOf(classification: Classification): Sample | undefined {
    return this.#samples.get(jobNames(classification).kind)
  }

  /**
   * Asks a backend a question of the router's own, unless canaries have taken their share of its time.
   *
   * @returns A good answer; `undefined` for any other, and when it was not asked.
   */
  async ask(
    { health }: Backend,
    classification: Classification,
    sample: Sample,
  ): Promise<Buffer | undefined> {
    const job = jobOf(classification, {})
    if (!this.areSent || job === undefined || health.canary.pause > 0) return undefined
    let answer: Buffer | undefined
    const onAnswer = (body: Buffer) => {
      answer = body
    }
    // A key of its own: it must not be answered by a canary that waits already.
    await health.canary.check({
      ...job,
      exact: `question ${job.exact}`,
      purpose: 'question',
      sample,
      onAnswer,
    }).result
    return answer
  }

  /** Whether canaries are sent. */
  get areSent(): boolean {
    return this.#policy().canary
  }

  /** Has a backend load the models of a job. */
  load({ health }: Backend, classification: Classification): Promise<CanaryResult> {
    const job = jobOf(classification, {})
    if (!this.areSent || job === undefined) return NO_CANARY.result
    // A canary that waits already may have begun before the backend was started again.
    return health.canary.check({ ...job, exact: `load ${job.exact}`, purpose: 'load' }).result
  }

  /** A job that no backend has done may be one that none can do. */
  #limited({ exact }: CanaryJob, found: CanaryResult): CanaryResult {
    const isNew = found.kind === 'failed' && found.scope === 'type' && !this.#samples.hasAnswered(exact)
    return isNew ? { ...found, scope: 'entries' } : found
  }

  /**
   * A backend has answered a request well.
   *
   * @param sample The request, if it is fit for a canary; called when another one is to be kept.
   */
  answeredWell(classification: Classification, sample: () => Sample | undefined): void {
    if (!this.areSent || classification.input === undefined) return
    const { entries } = classification
    this.#samples.answered(entries, () => exactKey(entries))
    const { kind } = jobNames(classification)
    if (!this.#samples.isDue(kind)) return
    const kept = sample()
    if (kept !== undefined) this.#samples.keep(kind, kept)
  }
}

/** The job of a canary; `undefined` when the job is not known, or has no payload of its own, as with some forks. */
function jobOf(classification: Classification, headers: IncomingHttpHeaders): CanaryJob | undefined {
  const { entries, input } = classification
  if (input === undefined) return undefined
  return { key: jobNames(classification).kind, exact: exactKey(entries), entries, input, headers }
}
