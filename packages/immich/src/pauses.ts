import type { ImmichClient, QueueStatus } from './immich-client.ts'
import { ImmichError } from './immich-error.ts'
import type { QueueName } from './queue-names.ts'
import type { Service } from './service.ts'
import type { State } from './state.ts'

/** How long no backend can serve a queue before it is paused, in milliseconds. */
const PAUSE_AFTER = 60_000

/** What pauses and heals share. */
export interface QueueWork {
  readonly client: ImmichClient
  readonly state: State
  /** @returns Whether the state is on disk. */
  readonly save: () => Promise<boolean>
  readonly log: (message: string, fields: object) => void
  readonly signal: AbortSignal
}

/** What is known of a queue. */
export interface QueueSight {
  readonly queue: QueueName
  readonly status: QueueStatus
  readonly service: Service
  /** How long `service` has been what it is, in milliseconds. */
  readonly lasts: number
}

/** Pauses queues that no backend can serve, and resumes those that it has paused. A pause by a user stays. */
export class Pauses {
  /** Pauses that Immich has not confirmed yet. */
  readonly #asked = new Set<QueueName>()
  /** Queues that a user has resumed: they are left alone until a backend can serve them. */
  readonly #overruled = new Set<QueueName>()

  /** @param isOn Whether queues may be paused. @throws {ImmichError} */
  async follow(sight: QueueSight, isOn: boolean, work: QueueWork): Promise<void> {
    const { queue, status, service, lasts } = sight
    if (service === 'good') this.#overruled.delete(queue)
    if (work.state.paused.has(queue)) {
      if (!status.isPaused) await this.#forget(queue, work)
      else if (service === 'good' || !isOn) await this.#resume(queue, work)
      else this.#asked.delete(queue)
    } else if (isOn && service === 'none' && lasts >= PAUSE_AFTER && !this.#overruled.has(queue))
      await this.pause(queue, status, 'no backend can serve it', work)
  }

  /** @throws {ImmichError} */
  async pause(queue: QueueName, { isPaused }: QueueStatus, reason: string, work: QueueWork): Promise<void> {
    const { state, save, client, log, signal } = work
    if (isPaused || state.paused.has(queue)) return
    // First on disk: after a crash, the router must know that it has to end the pause.
    state.paused.add(queue)
    if (!(await save())) {
      state.paused.delete(queue)
      return
    }
    this.#asked.add(queue)
    try {
      await client.setPaused(queue, true, signal)
    } catch (error) {
      // Without an answer it may be paused. The next look at the queue will tell.
      if (error instanceof ImmichError && error.kind !== 'unreachable') {
        state.paused.delete(queue)
        await save()
      }
      throw error
    }
    this.#asked.delete(queue)
    log('immich queue paused', { queue, reason })
  }

  async #resume(queue: QueueName, { state, save, client, log, signal }: QueueWork): Promise<void> {
    await client.setPaused(queue, false, signal)
    state.paused.delete(queue)
    await save()
    log('immich queue resumed', { queue })
  }

  /** It is not paused any more, or never was. */
  async #forget(queue: QueueName, { state, save, log }: QueueWork): Promise<void> {
    state.paused.delete(queue)
    if (!this.#asked.delete(queue)) {
      this.#overruled.add(queue)
      log('immich queue was resumed by a user', { queue })
    }
    await save()
  }
}
