import type { Classification, RequestEvent } from '@immich-ml-router/core'
import { StateFile } from '@immich-ml-router/core/parts'
import { isLost } from './losses.ts'
import { QUEUES, type QueueName, queuesOf } from './queue-names.ts'
import { Rate } from './rate.ts'
import { emptyState, type State, stateFromJson, stateToJson } from './state.ts'

/** How long a queue has no job here until a crash would lose none, in milliseconds. */
const QUIET = 60_000

export interface LedgerSettings {
  readonly path: string
  readonly url: string
  /** Milliseconds on the router's clock. */
  readonly now: () => number
  readonly warn: (message: string, fields: object) => void
  /** Called when the file cannot be written, with the reason, and when it can again. */
  readonly onFile: (reason: string | undefined) => void
}

/** The jobs of each queue that the router has, has done and has lost. Counts of lost jobs and pauses are on disk. */
export class Ledger {
  readonly state: State
  readonly #settings: LedgerSettings
  readonly #file: StateFile
  readonly #running = new Map<QueueName, number>()
  readonly #lastEnd = new Map<QueueName, number>()
  readonly #jobs = new Map<QueueName, Classification>()
  readonly #rates = new Map(QUEUES.map((queue) => [queue, new Rate()]))
  /** Why the file could not be written. */
  #failure: string | undefined

  constructor(settings: LedgerSettings) {
    this.#settings = settings
    this.#file = new StateFile(
      settings.path,
      () => stateToJson(this.state),
      (error) => this.#saved(error),
    )
    this.state = this.#read()
    this.#addCrash()
  }

  #read(): State {
    const { url, path, warn } = this.#settings
    try {
      const text = this.#file.read()
      const state = text === undefined ? emptyState(url) : stateFromJson(text)
      if (state.url === url) return state
      if (state.paused.size > 0)
        warn('immich queues stay paused: immich.url is another one; resume them in Immich', {
          queues: [...state.paused],
          url: state.url,
        })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      warn('immich file ignored; if queues are paused in Immich, resume them there', { path, reason })
    }
    return emptyState(url)
  }

  /** Jobs that a crash has cut cannot be counted: one stands for all. */
  #addCrash(): void {
    const { busy, lost } = this.state
    if (busy.size === 0) return
    for (const queue of busy) lost.set(queue, (lost.get(queue) ?? 0) + 1)
    this.#settings.warn('immich jobs may be lost: the router did not stop as planned', { queues: [...busy] })
    busy.clear()
    void this.save()
  }

  /** The last job of a queue that came here. */
  jobOf(queue: QueueName): Classification | undefined {
    return this.#jobs.get(queue)
  }

  /** Jobs of a queue that are done in a second. */
  rateOf(queue: QueueName): number | undefined {
    return this.#rates.get(queue)?.perSecond(this.#settings.now())
  }

  /** A request arrived. */
  readonly begin = (classification: Classification): void => {
    for (const queue of queuesOf(classification)) {
      this.#jobs.set(queue, classification)
      this.#running.set(queue, (this.#running.get(queue) ?? 0) + 1)
      if (this.state.busy.has(queue)) continue
      this.state.busy.add(queue)
      void this.save()
    }
  }

  /** A request is over. */
  readonly end = (event: RequestEvent): void => {
    if (event.classification === undefined) return
    const queues = queuesOf(event.classification)
    if (queues.length === 0) return
    // Of a request that is split, the parts are counted.
    const lost = event.parts === undefined && isLost(event)
    for (const queue of queues) {
      this.#running.set(queue, Math.max(0, (this.#running.get(queue) ?? 0) - 1))
      this.#lastEnd.set(queue, this.#settings.now())
      if (lost) this.state.lost.set(queue, (this.state.lost.get(queue) ?? 0) + 1)
      else if (event.outcome?.kind === 'answered') this.#rates.get(queue)?.add()
    }
    if (lost) void this.save()
  }

  /** Updates the rates, and removes queues without jobs from `busy`. Call it at an interval. */
  tick(): void {
    const now = this.#settings.now()
    for (const rate of this.#rates.values()) rate.mark(now)
    const quiet = [...this.state.busy].filter(
      (queue) => (this.#running.get(queue) ?? 0) === 0 && now - (this.#lastEnd.get(queue) ?? 0) >= QUIET,
    )
    for (const queue of quiet) this.state.busy.delete(queue)
    if (quiet.length > 0) void this.save()
  }

  /** @returns Whether the state is on disk. */
  readonly save = (): Promise<boolean> => this.#file.save()

  /** The router is closed: no job is here. */
  async close(): Promise<void> {
    this.state.busy.clear()
    await this.#file.close()
  }

  #saved(error: Error | undefined): void {
    const reason = error?.message
    if (reason === this.#failure) return
    if (reason !== undefined && this.#failure === undefined)
      this.#settings.warn('immich file not written', { path: this.#file.path, reason })
    this.#failure = reason
    this.#settings.onFile(reason)
  }
}
