import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import type { SearchCache } from '../config/resolve.ts'
import { ClientLeftError, RouterError } from '../errors.ts'
import type { Heartbeat } from '../forward/heartbeat.ts'
import { ResponseWriter } from '../forward/response-writer.ts'
import type { Decided } from '../routing/route-selector.ts'
import type { AnswerSource, FoundSearch, Search } from './answer-source.ts'

/** The response header of an answer that no backend computed now: `fresh` or `stale`. */
export const CACHE_HEADER = 'x-immich-ml-cache'
/** Largest body of a search, in bytes. */
const LARGEST_SEARCH = 64 * 1024
/** Largest answer, in bytes. One of 4,096 numbers has 90 KB. */
const LARGEST_ANSWER = 256 * 1024

/** A request that may be a search. */
interface Searched {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  readonly classification: Classification
}

/** Ends the choice of a backend: none is available, and there is an answer. */
class NoBackendNeeded extends Error {}

/** What a source of answers has for one request. */
export class SearchAnswer {
  readonly #source: AnswerSource
  #isLookedUp = false
  #found: FoundSearch | undefined
  #given: 'fresh' | 'stale' | undefined

  constructor(source: AnswerSource) {
    this.#source = source
  }

  /** How the client was answered; `undefined` when it was not. */
  get given(): 'fresh' | 'stale' | undefined {
    return this.#given
  }

  /**
   * Looks the request up, the first time.
   *
   * @param options Of its route; `undefined` when it has none.
   * @returns Whether the request needs no backend.
   */
  find(request: Searched, options: SearchCache | undefined): boolean {
    if (options === undefined || this.#isLookedUp) return false
    this.#isLookedUp = true
    const search = searchOf(request, options)
    this.#found = search && this.#source.find(search)
    return this.#found?.answer?.isFresh === true
  }

  /** Ends the choice of a backend if none is available and there is an answer: nothing waits, and no machine is woken. */
  check({ decision }: Pick<Decided, 'decision'>): void {
    const isServed =
      decision.kind === 'forward' ? !decision.isLeastBad : decision.kind === 'queue' && decision.isFull
    if (this.#found?.answer !== undefined && !isServed) throw new NoBackendNeeded()
  }

  /** Whether there is an answer that is better than this failure. */
  mends(failure: unknown): boolean {
    const isServerSide = failure instanceof NoBackendNeeded || failure instanceof RouterError
    return this.#found?.answer !== undefined && isServerSide && !(failure instanceof ClientLeftError)
  }

  /** Answers with the saved answer. @throws {ClientLeftError} */
  async give(
    { res, body: upload }: Pick<Searched, 'res' | 'body'>,
    heartbeat?: Heartbeat,
  ): Promise<undefined> {
    heartbeat?.stop()
    upload.destroy()
    const saved = this.#found?.answer
    if (saved === undefined || res.destroyed) throw new ClientLeftError()
    const { body, isFresh } = saved
    const age = isFresh ? 'fresh' : 'stale'
    const rawHeaders = ['content-type', 'application/json', 'content-length', String(body.length)]
    const head = { status: 200, statusText: undefined, rawHeaders }
    const writer = new ResponseWriter(res, head, [[CACHE_HEADER, age]])
    const { promise, resolve } = Promise.withResolvers<Error | null | undefined>()
    res.once('close', () => resolve(new ClientLeftError()))
    // Set before the response ends: a listener of its end asks for it.
    this.#given = age
    writer.end(body, undefined, resolve)
    const error = await promise
    if (!error) return undefined
    this.#given = undefined
    throw new ClientLeftError()
  }

  /** Saves a good answer. */
  keep(answer: Buffer): void {
    if (answer.length <= LARGEST_ANSWER) this.#found?.keep(answer)
  }
}

/** The search of a request: one text and one model. */
function searchOf({ req, body, classification }: Searched, options: SearchCache): Search | undefined {
  const { entries, input } = classification
  const [entry, ...others] = entries
  const { 'content-type': contentType } = req.headers
  if (entry === undefined || others.length > 0 || input !== 'text' || contentType === undefined)
    return undefined
  if (entry.task !== 'clip' || entry.type !== 'textual' || body.size > LARGEST_SEARCH) return undefined
  const bytes = body.beginning(body.size)
  return bytes.length === body.size ? { options, contentType, body: bytes, model: entry.model } : undefined
}
