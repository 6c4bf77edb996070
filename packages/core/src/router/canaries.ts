import type { Backend } from '../backend/backend.ts'
import type { BackendCanary } from '../backend/backend-group.ts'
import { exactKey, type JobKeys } from '../backend/job-keys.ts'
import { lateAfter } from '../backend/latency/lateness.ts'
import type { CanaryResult } from '../canary/canary.ts'
import { canaryBody } from '../canary/canary-body.ts'
import type { CanaryJob } from '../canary/canary-job.ts'
import { CanarySamples, type Sample } from '../canary/samples.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { CompiledPolicy } from '../routing/compile-policy.ts'
import { jobNames, keysOf } from '../routing/jobs.ts'
import type { Lease } from '../routing/lease.ts'

/** Sends the body of a canary to a backend. It never rejects. */
export type ForwardCanary = (
  backend: Backend,
  job: CanaryJob,
  body: Sample,
  options: { readonly timeout: number; readonly signal: AbortSignal },
) => Promise<CanaryResult>

/** A backend that does jobs of other kinds is looked at so many times as late. */
const PATIENCE = 5

const UNKNOWN: CanaryResult = { kind: 'unknown' }

/** The canaries of a policy: made of requests that its backends have answered well, and asked for by those that failed. */
export class Canaries {
  readonly #clock: Clock
  readonly #samples: CanarySamples
  readonly #policy: () => Pick<CompiledPolicy, 'canary' | 'timeouts'>
  /** The backends that are being looked at. */
  readonly #looks = new Set<Backend>()

  /** @param policy The one in force. */
  constructor(clock: Clock, policy: () => Pick<CompiledPolicy, 'canary' | 'timeouts'>) {
    this.#clock = clock
    this.#samples = new CanarySamples(clock)
    this.#policy = policy
  }

  /** Sends canaries of the samples. */
  sender(forward: ForwardCanary): BackendCanary {
    return async (backend, job, signal) => {
      const body = await canaryBody(job, this.#samples.get(job.key))
      const { load } = this.#policy().timeouts(backend.name)
      const timeout = lateAfter(backend.latency, job.key, this.#clock.now(), { interactive: false, load })
      return forward(backend, job, body, { timeout, signal })
    }
  }

  /**
   * Asks a backend itself whether it works at such requests. It never rejects.
   *
   * @returns when a canary that began from now on is over.
   */
  async ask({ health }: Backend, classification: Classification): Promise<CanaryResult> {
    const job = jobOf(classification)
    if (!this.#policy().canary || job === undefined) return UNKNOWN
    const found = await health.canary.judge(job)
    // A job that no backend has done may be one that none can do.
    const isNew = found.kind === 'failed' && found.scope === 'type' && !this.#samples.hasAnswered(job.exact)
    return isNew ? { ...found, scope: 'entries' } : found
  }

  /**
   * No byte of an answer to a request has come for so long, in milliseconds. When that is late, the backend is looked at: by a
   * probe, then by a canary. If one of them fails, it is frozen, and what waits there for an answer goes elsewhere.
   *
   * @returns After how long to call this again.
   */
  late(lease: LateRequest['lease'], classification: Classification, silence: number): number {
    const { backend, bulk, timeouts } = lease
    const since = this.#clock.now() - silence
    const { kind } = jobNames(classification)
    const due = lateAfter(backend.latency, kind, since, { interactive: !bulk, load: timeouts.load })
    if (silence < due) return due - silence
    // One that answers others of the kind is not frozen. Where it answers other kinds, that one alone may be.
    const isPatient = silence < PATIENCE * due && backend.latency.hasDoneSince(since)
    if (!isPatient && !backend.latency.hasDoneSince(since, kind))
      void this.#look({ lease, classification, since })
    return due
  }

  async #look({ lease, classification, since }: LateRequest): Promise<void> {
    const { backend } = lease
    if (this.#looks.has(backend)) return
    this.#looks.add(backend)
    try {
      const names = jobNames(classification)
      const job = keysOf(names, classification, () => 0)
      const reason = await backend.health.checker.probeNow()
      if (reason !== undefined) {
        // While it loads a model, an ML server may not answer probes for several seconds.
        const isExpected = backend.latency.isWarm(names.kind, since) || lease.usableOthers([]).length > 0
        if (isExpected) freeze(backend, job, 'backend', `frozen: its probe failed (${reason})`)
        return
      }
      const found = await this.ask(backend, classification)
      const hasAnswered = backend.latency.hasDoneSince(since, names.kind)
      if (found.kind === 'failed' && !hasAnswered)
        freeze(backend, job, 'type', `frozen: a canary failed (${found.reason})`)
    } finally {
      this.#looks.delete(backend)
    }
  }

  /**
   * A backend has answered a request well.
   *
   * @param sample The request, if it is fit for a canary; called when another one is to be kept.
   */
  answeredWell(classification: Classification, sample: () => Sample | undefined): void {
    if (!this.#policy().canary || classification.input === undefined) return
    const { entries } = classification
    this.#samples.answered(entries, () => exactKey(entries))
    const { kind } = jobNames(classification)
    if (!this.#samples.isDue(kind)) return
    const kept = sample()
    if (kept !== undefined) this.#samples.keep(kind, kept)
  }
}

/** A backend does not answer any more: it is ejected, and what waits for an answer there goes elsewhere. */
function freeze({ health, target }: Backend, job: JobKeys, scope: 'backend' | 'type', reason: string): void {
  health.end(health.begin(job), { kind: 'failed', scope, reason, certain: true })
  target.gone('frozen')
}

/** What a backend that may be frozen is working on. */
interface LateRequest {
  readonly lease: Pick<Lease, 'backend' | 'bulk' | 'timeouts' | 'usableOthers'>
  readonly classification: Classification
  /** When it was sent, on the clock. */
  readonly since: number
}

/** The job of a canary; `undefined` when the job is not known, or has no payload of its own, as with some forks. */
function jobOf(classification: Classification): CanaryJob | undefined {
  const { entries, input } = classification
  if (input === undefined) return undefined
  return { key: jobNames(classification).kind, exact: exactKey(entries), entries, input }
}
