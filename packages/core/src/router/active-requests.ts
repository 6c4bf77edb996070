import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, LONGEST_TIMER } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { RouterError } from '../errors.ts'
import { IncomingHead, type RequestHead } from '../incoming-message.ts'
import { removeItem } from '../remove-item.ts'
import { answerError } from './answers.ts'
import type { Exchange } from './exchange.ts'
import type { ModuleRegistry } from './modules.ts'
import type { WaitingRequest } from './router.ts'
import { SearchAnswer } from './search-answer.ts'
import type { Splitter } from './splitter.ts'

/** A predict request that is being handled. */
export interface ActiveRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly head: RequestHead
  /** When it arrived, on the clock. */
  readonly start: number
  /** The answer that it may have without a backend; `undefined` when no module has answers. */
  readonly saved?: SearchAnswer | undefined
  /** Answers it when no single backend can; `undefined` without such a module. */
  readonly splitter?: Splitter | undefined
  /** Set once its job is known. */
  exchange?: Exchange
  /** When that was, on the clock. */
  classified?: number
  /** When its backend was chosen, on the clock. */
  sent?: number
  /** The error that ended it. */
  failure?: Error
  /** Whether it was running when the drain began: then it is not held, and the drain waits for it. */
  admitted?: boolean
  /** Whether one of its steps runs; it ends with its response, and not before the step does. */
  busy?: boolean
}

/** Progress of an upload at the last check. */
interface Progress {
  readonly bytes: number
  /** On the clock. */
  readonly since: number
}

/**
 * The predict requests that are being handled, in the order of their arrival.
 *
 * Ends uploads whose client has stopped sending: one timer for all of them runs while requests are active. An upload that the
 * router has paused is not idle.
 */
export class ActiveRequests implements Iterable<ActiveRequest> {
  readonly #active: ActiveRequest[] = []
  #watchers: (() => void)[] = []
  readonly #clock: Clock
  readonly #modules: Pick<ModuleRegistry, 'answers' | 'splitter'>
  #progress = new Map<ActiveRequest, Progress>()
  #cancelCheck: (() => void) | undefined

  /** @param modules Have the answers of searches, and split requests. */
  constructor(
    clock: Clock,
    modules: Pick<ModuleRegistry, 'answers' | 'splitter'> = { answers: undefined, splitter: undefined },
  ) {
    this.#clock = clock
    this.#modules = modules
  }

  get size(): number {
    return this.#active.length
  }

  /** Split requests do not count; their parts do. */
  get jobs(): number {
    return this.#active.filter(({ exchange }) => exchange?.parts === undefined).length
  }

  [Symbol.iterator](): Iterator<ActiveRequest> {
    return this.#active[Symbol.iterator]()
  }

  /** The requests that wait for a backend. */
  *waiting(): Generator<WaitingRequest> {
    for (const { head, start, exchange } of this.#active) {
      const wait = exchange?.wait
      if (exchange === undefined || wait === undefined) continue
      const { classification, tenant } = exchange
      yield { ...wait, start, classification, client: head.client, tenant }
    }
  }

  /** A request that arrives now. */
  add(req: IncomingMessage, res: ServerResponse): ActiveRequest {
    const { answers, splitter } = this.#modules
    const saved = answers && new SearchAnswer(answers)
    const [head, start] = [new IncomingHead(req), this.#clock.now()]
    const active: ActiveRequest = { req, res, head, start, saved, splitter }
    this.#active.push(active)
    // By then, Node has parsed everything that arrived with the head. An upload that came in one piece needs no timer.
    queueMicrotask(() => {
      if (active.req.complete) return
      this.#cancelCheck ??= this.#clock.after(defaults.uploadCheckInterval, () => this.#checkUploads())
    })
    return active
  }

  /** @returns Whether it was there. */
  remove(active: ActiveRequest): boolean {
    const removed = removeItem(this.#active, active)
    if (this.#active.length === 0 && this.#cancelCheck !== undefined) {
      this.#cancelCheck()
      this.#cancelCheck = undefined
      this.#progress.clear()
    }
    if (this.#watchers.length > 0) this.changed()
    return removed
  }

  /** Must be called when the drain begins. */
  admit(): void {
    for (const active of this.#active) active.admitted = isRunning(active)
  }

  /** Must be called when a request begins to wait. */
  changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** Resolves when no request is left, or after this many milliseconds. */
  ended(milliseconds: number): Promise<void> {
    return this.#until(() => this.#active.length === 0, milliseconds)
  }

  /**
   * Resolves when every request that is left waits for a backend or is not classified yet, after this many milliseconds, or when
   * the signal is aborted. An admitted request that is queued for a slot soon gets one, and is waited for.
   */
  idle(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#until(() => signal.aborted || !this.#active.some(isRunning), milliseconds, signal)
  }

  #checkUploads(): void {
    const now = this.#clock.now()
    const progress = new Map<ActiveRequest, Progress>()
    for (const active of this.#active) {
      const { req } = active
      if (req.complete || req.readableFlowing !== true) continue
      const bytes = req.socket.bytesRead
      const before = this.#progress.get(active)
      const since = before?.bytes === bytes ? before.since : now
      if (now - since >= defaults.uploadIdleTimeout) endIdle(active)
      else progress.set(active, { bytes, since })
    }
    this.#progress = progress
    this.#cancelCheck = this.#clock.after(defaults.uploadCheckInterval, () => this.#checkUploads())
  }

  async #until(holds: () => boolean, milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (holds()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_TIMER))
    const watcher = () => {
      if (holds()) resolve()
    }
    this.#watchers.push(watcher)
    signal?.addEventListener('abort', watcher)
    await promise
    removeItem(this.#watchers, watcher)
    signal?.removeEventListener('abort', watcher)
    clearTimeout(timer)
  }
}

function isRunning({ exchange, admitted }: ActiveRequest): boolean {
  // Of a request that is split, the parts run.
  if (exchange === undefined || exchange.parts !== undefined) return false
  const { wait } = exchange
  return wait === undefined || (admitted === true && wait.reason === 'full')
}

function endIdle({ req, res }: ActiveRequest): void {
  const { socket } = req
  const seconds = defaults.uploadIdleTimeout / 1_000
  res.shouldKeepAlive = false
  void answerError(
    res,
    new RouterError('upload-timeout', `The client sent no part of its request body for ${seconds} s.`),
  )
  // Sends what is written, then closes.
  socket.destroySoon()
}
