import type { IncomingHttpHeaders } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { JobKeys } from '../backend/job-keys.ts'
import { LATE_BULK, LATE_INTERACTIVE, lateAfter } from '../backend/latency/lateness.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { AttemptPlan } from '../forward/forward-request.ts'
import { jobNames, keysOf } from '../routing/jobs.ts'
import type { Lease } from '../routing/lease.ts'
import type { Canaries } from './canaries.ts'

/** A backend that finishes jobs of other kinds is tested only after so many times as long. */
const OTHER_KINDS_FACTOR = 5

/** A request without a byte of an answer. */
interface SilentRequest {
  readonly lease: Pick<Lease, 'backend' | 'bulk' | 'timeouts' | 'usableOthers'>
  readonly classification: Classification
  readonly headers: IncomingHttpHeaders
  /** Time of the last activity of its upload, on the clock. */
  readonly since: number
}

/** Finds out whether a backend that does not answer is frozen: by a probe, then by a canary. */
export class FreezeDetector {
  readonly #clock: Clock
  readonly #canaries: Canaries
  /** The backends that are being tested. */
  readonly #tested = new Set<Backend>()

  constructor(clock: Clock, canaries: Canaries) {
    this.#clock = clock
    this.#canaries = canaries
  }

  /** How an attempt finds out whether its backend is frozen. */
  watch(request: Omit<SilentRequest, 'since'>): AttemptPlan['look'] {
    return {
      after: request.lease.bulk ? LATE_BULK : LATE_INTERACTIVE,
      again: (silence) => this.check(request, silence),
    }
  }

  /**
   * Tests the backend of a request if the first byte of its answer is late. If the probe or the canary fails, the backend is frozen,
   * and what waits there for an answer goes elsewhere.
   *
   * @param silence Milliseconds since the last activity.
   * @returns Milliseconds until the next check.
   */
  check(request: Omit<SilentRequest, 'since'>, silence: number): number {
    const { lease, classification } = request
    const { backend, bulk, timeouts } = lease
    const since = this.#clock.now() - silence
    const { kind } = jobNames(classification)
    const due = lateAfter(backend.latency, kind, since, { interactive: !bulk, load: timeouts.load })
    if (silence < due) return due - silence
    // A backend that answers others of the kind is not frozen. Where it answers other kinds, that one alone may be.
    const isPatient = silence < OTHER_KINDS_FACTOR * due && backend.latency.hasDoneSince(since)
    if (!isPatient && !backend.latency.hasDoneSince(since, kind) && !this.#tested.has(backend)) {
      this.#tested.add(backend)
      this.#test({ ...request, since })
        .catch(process.emitWarning)
        .finally(() => this.#tested.delete(backend))
    }
    return due
  }

  async #test({ lease, classification, headers, since }: SilentRequest): Promise<void> {
    const { backend } = lease
    const names = jobNames(classification)
    const job = keysOf(names, classification, () => 0)
    const reason = await backend.health.checker.probeNow()
    if (reason !== undefined) {
      // While it loads a model, an ML server may not answer probes for several seconds.
      const isExpected = backend.latency.isWarm(names.kind, since) || lease.usableOthers([]).length > 0
      if (isExpected) freeze(backend, job, 'backend', `frozen: its probe failed (${reason})`)
      return
    }
    const found = await this.#canaries.check(backend, classification, headers).result
    if (found.kind === 'failed' && !backend.latency.hasDoneSince(since, names.kind))
      freeze(backend, job, 'type', `frozen: a canary failed (${found.reason})`)
  }
}

/** Ejects what `scope` names, and ends every attempt there that has no byte of an answer: none of them is lost by that. */
function freeze({ health, target }: Backend, job: JobKeys, scope: 'backend' | 'type', reason: string): void {
  health.end(health.begin(job), { kind: 'failed', scope, reason, certain: true })
  target.gone('frozen')
}

/** Without a policy, no backend is tested. */
export const NO_LOOK = { after: Number.POSITIVE_INFINITY, again: () => Number.POSITIVE_INFINITY } as const
