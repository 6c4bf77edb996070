import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Clock, Router } from '@immich-ml-router/core'
import type { Logger } from '@immich-ml-router/core/logging'
import { type ResolvedImmich, resolveImmich, systemClock } from '@immich-ml-router/core/parts'
import type { QueueName } from './queue-names.ts'
import { Session, type SessionOptions } from './session.ts'

/** Options of `immichQueues`. What users configure is the option `immich` of the router. */
export interface ImmichQueuesOptions {
  /**
   * Gets a line for every pause, heal and problem, such as `pino()`.
   * @default none
   */
  readonly logger?: Pick<Logger, 'info' | 'warn'> | undefined
  /**
   * The clock of the router, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

/** One of Immich's queues. */
export interface ImmichQueue {
  readonly name: QueueName
  /** Jobs that are not done: running, waiting, delayed and paused. */
  readonly remaining: number
  /** Jobs that are running. */
  readonly active: number
  /** What paused it: the router or a user of Immich; `undefined` while it is not paused. */
  readonly pausedBy: 'router' | 'user' | undefined
  /** Jobs that this router does in a second; `undefined` when it did none in the last 5 minutes. */
  readonly rate: number | undefined
  /** When the remaining jobs are done at this rate, in milliseconds since 1970; `undefined` when that is not known. */
  readonly expectedEnd: number | undefined
  /** Jobs that were lost, and are not queued again yet. After a crash, 1 stands for all that it cut. */
  readonly lost: number
  /** How often "Missing" was started for it since the start. */
  readonly heals: number
}

/** What is known of Immich's queues. */
export interface ImmichView {
  /** When Immich last told of its queues, in milliseconds since 1970; `undefined` when it never has. */
  readonly updated: number | undefined
  /** What is wrong, and what to do; `undefined` when all is well. */
  readonly problem: string | undefined
  /** The queues that Immich has, as it last told. */
  readonly queues: readonly ImmichQueue[]
}

/** Immich's queues, attached to a router. */
export interface ImmichQueues {
  /** What is known of the queues; `undefined` while the router has no option `immich`. */
  readonly view: () => ImmichView | undefined
  /** Whether jobs for a backend wait in Immich, and are not kept there by a user: its machine will be needed. */
  readonly expects: (backend: string) => boolean
  /**
   * Prepares a planned stop: with `pauseWhileDown`, pauses the queues in Immich, so that no job comes while the router is
   * stopped. Call it before `stopServer()` or `router.close()`. It takes 1.5 s at most and never rejects.
   */
  prepareStop(): Promise<void>
}

/**
 * Attaches Immich's job queues to a router, as its option `immich` says, also after a reload. It ends when the router is
 * closed. Whatever Immich does or does not answer, requests are routed as without it.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { createRouter, stopServer } from '@immich-ml-router/core'
 * import { immichQueues } from '@immich-ml-router/immich'
 *
 * const router = createRouter({
 *   backends: { gpu: { url: 'http://gpu:3003' } },
 *   immich: { url: 'http://immich-server:2283', apiKey: process.env['IMMICH_API_KEY'] ?? '' },
 * })
 * const queues = immichQueues(router)
 * const server = http.createServer((req, res) => router.handle(req, res)).listen(3003)
 * process.once('SIGTERM', async () => {
 *   await queues.prepareStop()
 *   await stopServer(server, router)
 * })
 * ```
 */
export function immichQueues(router: Router, options: ImmichQueuesOptions = {}): ImmichQueues {
  return new Attached(router, options)
}

class Attached implements ImmichQueues {
  readonly #router: Router
  readonly #options: ImmichQueuesOptions
  #settings: ResolvedImmich | undefined
  #session: Session | undefined
  /** The sessions before, which still have queues to resume. */
  readonly #before = new Set<Session>()
  #ending: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(router: Router, options: ImmichQueuesOptions) {
    this.#router = router
    this.#options = options
    router.modules.attach({ serves: 'immich' })
    router.on('reload', () => this.#configure())
    router.on('classified', (classification) => this.#session?.ledger.begin(classification))
    router.on('request', (event) => this.#session?.ledger.end(event))
    router.on('backend', () => this.#session?.hurry())
    router.modules.onClose(() => this.#close())
    this.#configure()
  }

  readonly view = (): ImmichView | undefined => this.#session?.view()

  readonly expects = (backend: string): boolean => (this.#session?.expected.get(backend)?.queued ?? 0) > 0

  async prepareStop(): Promise<void> {
    this.#isStopping = true
    await this.#session?.prepareStop()
  }

  #configure(): void {
    if (this.#isStopping) return
    const settings = resolveImmich(this.#router.modules.config())
    if (isDeepStrictEqual(settings, this.#settings)) return
    const before = this.#session
    const isSame = settings !== undefined && settings.url === this.#settings?.url
    this.#settings = settings
    if (before !== undefined && isSame && settings.file === before.settings.file) {
      before.configure(settings)
      return
    }
    this.#session = undefined
    this.#ending = Promise.all([this.#ending, this.#end(before)]).then(() => {
      // Another reload may have come in the meantime.
      if (settings !== undefined && settings === this.#settings && !this.#isStopping)
        this.#session = new Session(this.#with(settings))
    })
  }

  async #end(session: Session | undefined): Promise<void> {
    if (session === undefined) return
    this.#before.add(session)
    await session.end()
    this.#before.delete(session)
  }

  async #close(): Promise<void> {
    this.#isStopping = true
    await Promise.all([this.#session, ...this.#before].map((session) => session?.close()))
  }

  #with(settings: ResolvedImmich): SessionOptions {
    const { clock = systemClock, logger } = this.#options
    return { router: this.#router, clock, logger, settings, path: pathOf(settings, this.#router) }
  }
}

/** The file for what must survive a restart. Two routers of one machine may have two Immichs. */
function pathOf({ file, url }: ResolvedImmich, { modules }: Router): string {
  const { bodySpool } = modules.config()
  if (file !== undefined) return file
  const hash = createHash('sha256').update(url).digest('hex').slice(0, 8)
  return join(typeof bodySpool === 'string' ? bodySpool : tmpdir(), `immich-ml-router-queues-${hash}.json`)
}
