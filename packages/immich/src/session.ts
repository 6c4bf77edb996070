import type { Clock, Router } from '@immich-ml-router/core'
import type { Logger } from '@immich-ml-router/core/logging'
import type { ExpectedJobs, ResolvedImmich } from '@immich-ml-router/core/parts'
import { heal } from './heals.ts'
import { ImmichClient, type QueueStatuses } from './immich-client.ts'
import type { ImmichView } from './immich-queues.ts'
import { Ledger } from './ledger.ts'
import { Pauses, type QueueSight, type QueueWork } from './pauses.ts'
import { DEFAULT_JOBS, QUEUES, type QueueName } from './queue-names.ts'
import { type ServiceView, serviceOf } from './service.ts'

export interface SessionOptions {
  readonly router: Router
  readonly clock: Clock
  readonly logger: Pick<Logger, 'info' | 'warn'> | undefined
  readonly settings: ResolvedImmich
  /** The file for what must survive a restart. */
  readonly path: string
}

/** Longest time between two looks at the queues of an Immich that does not answer, in milliseconds. */
const LONGEST_PAUSE = 60_000
/** Shortest time between two looks, in milliseconds. */
const SHORTEST_PAUSE = 1_000
/** How long a planned stop waits for Immich, in milliseconds. Docker kills 10 s after SIGTERM, and the drain takes 8 s. */
const STOP_TIMEOUT = 1_500

/** Looks at the queues of one Immich at an interval, and pauses and heals them. */
export class Session {
  readonly ledger: Ledger
  /** Jobs that wait in Immich, by the backends that may serve them. */
  expected: ReadonlyMap<string, ExpectedJobs> = new Map()
  settings: ResolvedImmich
  readonly #options: SessionOptions
  readonly #ending = new AbortController()
  readonly #pauses = new Pauses()
  readonly #services = new Map<QueueName, ServiceView & { readonly since: number }>()
  readonly #heals = new Map<QueueName, number>()
  /** The difference between the router's clock and the time since 1970. */
  readonly #epoch: number
  #client: ImmichClient
  #statuses: QueueStatuses = new Map()
  #updated: number | undefined
  #problem: string | undefined
  /** Looks in a row that failed. */
  #failures = 0
  #last = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined
  #looking: Promise<void> | undefined
  /** What `end()` does. */
  #resuming: Promise<void> | undefined
  /** Whether something has changed since the look that is going on began. */
  #isHurried = false
  #isStopping = false

  constructor(options: SessionOptions) {
    const { settings, clock, path } = options
    this.#options = options
    this.settings = settings
    this.#epoch = Date.now() - clock.now()
    this.#client = new ImmichClient(settings)
    const now = () => clock.now()
    const warn = (message: string, fields: object) => options.logger?.warn(fields, message)
    this.ledger = new Ledger({
      path,
      url: settings.url,
      now,
      warn,
      onFile: (reason) => this.#noticeFile(reason),
    })
    this.#lookAfter(0)
  }

  /** Applies other settings for the same Immich. */
  configure(settings: ResolvedImmich): void {
    this.settings = settings
    this.#client = new ImmichClient(settings)
    this.#failures = 0
    this.#lookAfter(0)
  }

  /** Something about a backend has changed: looks soon. */
  hurry(): void {
    // An Immich that does not answer is not asked more often.
    if (this.#failures > 0) return
    if (this.#looking !== undefined) this.#isHurried = true
    else this.#lookAfter(Math.max(0, this.#last + SHORTEST_PAUSE - this.#options.clock.now()))
  }

  view(): ImmichView {
    const { ledger } = this
    const { lost, paused } = ledger.state
    return {
      updated: this.#updated,
      problem: this.#problem,
      queues: QUEUES.flatMap((name) => {
        const status = this.#statuses.get(name)
        if (status === undefined) return []
        const { remaining, active, isPaused } = status
        const rate = ledger.rateOf(name)
        const isEnding = rate !== undefined && remaining > 0 && !isPaused
        return {
          name,
          remaining,
          active,
          pausedBy: paused.has(name) ? 'router' : isPaused ? 'user' : undefined,
          rate,
          expectedEnd: isEnding ? Date.now() + (remaining / rate) * 1_000 : undefined,
          lost: lost.get(name) ?? 0,
          heals: this.#heals.get(name) ?? 0,
        }
      }),
    }
  }

  /** Pauses every queue for a planned stop. It never rejects. */
  async prepareStop(): Promise<void> {
    this.#isStopping = true
    this.#cancel?.()
    if (!this.settings.pauseWhileDown) return
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(STOP_TIMEOUT)])
    const work = this.#work(signal)
    await this.#careful(async () => {
      const statuses = await this.#client.queues(signal)
      const pauses = [...statuses].map(([queue, status]) =>
        this.#pauses.pause(queue, status, 'the router stops', work),
      )
      for (const result of await Promise.allSettled(pauses))
        if (result.status === 'rejected') throw result.reason
    })
  }

  /** Ends it while the router goes on: resumes what it has paused. It never rejects. */
  end(): Promise<void> {
    this.#resuming ??= this.#resumeAll()
    return this.#resuming.then(() => this.#finish())
  }

  /** Ends it with the router. What `end()` still resumes is given as long as a planned stop. It never rejects. */
  async close(): Promise<void> {
    this.#isStopping = true
    const late = setTimeout(() => this.#ending.abort(), STOP_TIMEOUT)
    await this.#resuming
    clearTimeout(late)
    await this.#finish()
  }

  async #resumeAll(): Promise<void> {
    this.#isStopping = true
    this.#cancel?.()
    await this.#looking
    const work = this.#work(AbortSignal.any([this.#ending.signal, AbortSignal.timeout(LONGEST_PAUSE)]))
    await this.#careful(async () => {
      if (this.ledger.state.paused.size > 0)
        await this.#followAll(await this.#client.queues(work.signal), work, false)
    })
    this.#expectNothing()
  }

  /** Writes the last state. After that, no call and no file is in use. */
  async #finish(): Promise<void> {
    this.#cancel?.()
    this.#ending.abort()
    await this.#looking
    await this.ledger.close()
    for (const kind of [NOTICE, FILE_NOTICE]) this.#options.router.notices.clear(kind)
  }

  #lookAfter(time: number): void {
    if (this.#isStopping) return
    this.#cancel?.()
    this.#cancel = this.#options.clock.after(time, () => void this.#look())
  }

  /** Looks at the queues once, then again after a while. It never rejects. */
  async #look(): Promise<void> {
    // One look at a time.
    if (this.#looking !== undefined) return
    this.#last = this.#options.clock.now()
    const looking = this.#careful(() => this.#lookOnce())
    this.#looking = looking
    await looking
    this.#looking = undefined
    const { interval } = this.settings
    const pause = Math.min(interval * 2 ** this.#failures, Math.max(interval, LONGEST_PAUSE))
    this.#lookAfter(this.#isHurried ? SHORTEST_PAUSE : Math.max(SHORTEST_PAUSE, pause))
    this.#isHurried = false
  }

  async #lookOnce(): Promise<void> {
    const { signal } = this.#ending
    this.ledger.tick()
    this.#observe()
    this.#statuses = await this.#client.queues(signal)
    if (this.#isStopping) return
    this.#updated = Date.now()
    const work = this.#work(signal)
    try {
      await this.#followAll(this.#statuses, work, this.settings.pauseWhileDown)
    } finally {
      this.#expect()
    }
  }

  /** Follows every queue, also when one of them fails. @throws {ImmichError} */
  async #followAll(statuses: QueueStatuses, work: QueueWork, mayPause: boolean): Promise<void> {
    const results = await Promise.allSettled(
      [...statuses].map(async ([queue, status]) => {
        const sight: QueueSight = { queue, status, ...this.#sightOf(queue) }
        await this.#pauses.follow(sight, mayPause, work)
        if (this.settings.heal && !this.#isStopping && (await heal(sight, this.#wallNow(), work)))
          this.#heals.set(queue, (this.#heals.get(queue) ?? 0) + 1)
      }),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  #sightOf(queue: QueueName): Pick<QueueSight, 'service' | 'lasts'> {
    const seen = this.#services.get(queue)
    if (seen === undefined) return { service: 'unknown', lasts: 0 }
    return { service: seen.service, lasts: this.#options.clock.now() - seen.since }
  }

  /** Takes note of whether the jobs of each queue can be served. */
  #observe(): void {
    const { router, clock } = this.#options
    const status = router.status()
    for (const queue of QUEUES) {
      const found = serviceOf(router, this.ledger.jobOf(queue) ?? DEFAULT_JOBS[queue], status)
      const before = this.#services.get(queue)
      const since = before?.service === found.service ? before.since : clock.now()
      this.#services.set(queue, { ...found, since })
    }
  }

  /** Tells the router of the jobs that wait in Immich. Where their queue is paused, no request asks for the backend. */
  #expect(): void {
    const { router } = this.#options
    const expected = new Map<string, ExpectedJobs>()
    for (const { name, remaining, pausedBy } of this.view().queues) {
      const seen = this.#services.get(name)
      if (seen === undefined || pausedBy === 'user' || remaining === 0) continue
      for (const backend of seen.backends) {
        const { queued, wanted } = expected.get(backend) ?? { queued: 0, wanted: false }
        const isWaiting = pausedBy === 'router' && seen.service !== 'good'
        expected.set(backend, { queued: queued + remaining, wanted: wanted || isWaiting })
      }
    }
    this.expected = expected
    for (const name of new Set(router.status().backends.map(({ name }) => name)))
      router.expect(name, expected.get(name) ?? NOTHING)
  }

  #expectNothing(): void {
    this.#statuses = new Map()
    this.#expect()
  }

  #work(signal: AbortSignal): QueueWork {
    const { logger } = this.#options
    return {
      client: this.#client,
      state: this.ledger.state,
      save: this.ledger.save,
      log: (message, fields) => logger?.info(fields, message),
      signal,
    }
  }

  #noticeFile(reason: string | undefined): void {
    const { notices } = this.#options.router
    if (reason === undefined) notices.clear(FILE_NOTICE)
    else
      notices.set({
        kind: FILE_NOTICE,
        level: 'warning',
        message: `The file for Immich's queues cannot be written (${reason}): a restart forgets lost jobs, and no queue is paused. Set immich.file to a path on a disk.`,
      })
  }

  #wallNow(): number {
    return this.#epoch + this.#options.clock.now()
  }

  /** Runs calls to Immich, and says once what is wrong. It never rejects. */
  async #careful(calls: () => Promise<void>): Promise<void> {
    const { logger, router } = this.#options
    try {
      await calls()
      if (this.#problem !== undefined) logger?.info({}, 'immich answers again')
      this.#problem = undefined
      router.notices.clear(NOTICE)
      this.#failures = 0
    } catch (error) {
      if (this.#ending.signal.aborted) return
      this.#failures++
      const problem = error instanceof Error ? error.message : String(error)
      if (problem !== this.#problem) logger?.warn({ reason: problem }, 'immich queues not available')
      this.#problem = problem
      router.notices.set({ kind: NOTICE, level: 'warning', message: sentence(problem) })
    }
  }
}

/** Kind of the notice about what is wrong with Immich. */
const NOTICE = 'immich'
/** Kind of the notice about the file. */
const FILE_NOTICE = 'immich.file'

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

const NOTHING = { queued: 0, wanted: false } as const
