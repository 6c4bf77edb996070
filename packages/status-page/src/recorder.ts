import type { AttemptRecord, RequestEvent, RouterStatus } from '@immich-ml-router/core'
import type { Archive } from './archive.ts'
import { type Decision, decisionOf, faultOf } from './decision-view.ts'
import { defaults } from './defaults.ts'
import { History } from './history.ts'
import { LastModels } from './last-models.ts'
import { Ring } from './ring.ts'
import { UseMeter } from './use-meter.ts'
import type { JobKind, JobView } from './wire.ts'

/**
 * Records the last requests and minutes, also without viewers, so that a page that is opened later shows them. It stores
 * plain objects: texts and JSON are made for viewers only.
 */
export class Recorder {
  readonly history: History
  readonly archive: Archive
  readonly models = new LastModels()
  readonly #meter: UseMeter
  readonly #last = new Ring<Decision>(defaults.decisions)
  /** Decisions other than `answered`, in a ring of their own: successful requests must not push them out. */
  readonly #troubles = new Ring<Decision>(defaults.troubles)
  #count = 0

  /** @param status The router at the start of the recording. */
  constructor(status: RouterStatus, archive: Archive) {
    this.archive = archive
    this.history = new History(status.now)
    this.#meter = new UseMeter(status)
  }

  /** Requests recorded so far, which is the id of the last one. */
  get count(): number {
    return this.#count
  }

  /** Records a completed request. */
  readonly record = (event: RequestEvent): void => {
    const decision = decisionOf(event, ++this.#count)
    this.#last.add(decision)
    if (decision.fate !== 'answered') this.#troubles.add(decision)
    // Its parts are counted.
    if (decision.parts !== undefined) return
    const { start, fate, kind, job, route, steps, attempts } = decision
    const backend = attempts.at(-1)?.backend
    this.history.add({
      at: start + steps.total,
      fate,
      kind,
      time: steps.total,
      route,
      backend,
    })
    const isGood = fate === 'answered' || fate === 'rescued'
    this.archive.add({ time: steps.total, kind, fate, isGood, backend })
    for (const attempt of event.attempts) this.#recordAttempt(attempt, kind, job)
  }

  /** Records how the backends were used since the last time. */
  recordUse(status: RouterStatus): void {
    this.models.keepOnly(new Set(status.backends.map(({ name }) => name)))
    const use = this.#meter.read(status)
    this.history.addUse(use)
    this.archive.addUse(use)
  }

  #recordAttempt({ backend, start, time, outcome }: AttemptRecord, kind: JobKind, job: JobView): void {
    const isGood = outcome.kind === 'answered' && outcome.verdict.kind === 'good'
    if (isGood) this.models.add(backend, job)
    this.history.addAttempt({
      at: start + time,
      backend,
      kind,
      time: isGood ? time : undefined,
      fault: faultOf(outcome),
    })
  }

  /** The decisions after this id that are still stored, oldest first. */
  decisionsSince(id: number): Decision[] {
    const last = this.#last.items
    const [oldest] = last
    const earlier = this.#troubles.items.filter((decision) => oldest !== undefined && decision.id < oldest.id)
    return [...earlier, ...last].filter((decision) => decision.id > id)
  }
}
