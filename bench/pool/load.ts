import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { CONTENT_TYPE, type Job } from '../../test/support/predict-body.ts'
import { offer } from '../lib/offer.ts'
import { exponential, seeded } from '../lib/random.ts'
import { type Counts, now, sleepUntil } from '../lib/stats.ts'
import { bodyOf, DONE_HEADER, type Draw, drawJobs, WORK_HEADER } from './jobs.ts'
import type { ServerSpec } from './pools.ts'

/** Where the load generator sends its requests. */
export type Target =
  | { readonly kind: 'one'; readonly url: string }
  /** Straight to the servers, with everything known. */
  | { readonly kind: 'all-known'; readonly servers: readonly (ServerSpec & { readonly url: string })[] }

/** One stretch of load. */
export interface Phase {
  readonly target: Target
  /** Draws and arrivals follow from it. */
  readonly seed: string
  /** When it begins, on the machine's clock. */
  readonly begins: number
  /** How long it lasts; without, until every bulk request is done. */
  readonly seconds?: number
  readonly searches: boolean
  /** A closed loop: as soon as one request is done, the next one is sent. */
  readonly bulk?: {
    readonly inFlight: number
    /** Each with the same chance. */
    readonly jobs: readonly Job[]
    /** Requests in all; any number when not given. */
    readonly count?: number
  }
}

/** Times are in milliseconds. */
interface PhaseResult {
  /** From when each search was due to its answer. One without an answer counts with the time it had waited by then. */
  readonly searches: readonly number[]
  readonly unansweredSearches: number
  /** Units of work that were computed between begin and end, for requests that were answered. */
  readonly work: number
  /** Units of work of all bulk requests that were sent. */
  readonly drawn: number
  /** From the beginning to the last answer. */
  readonly makespan: number
  readonly failures: Counts
  /** What the load generator itself needs: cores, and how late it is (99th percentile, and the longest pause). */
  readonly generator: { readonly cores: number; readonly lateness: number; readonly pause: number }
}

/** Time between two searches, on average. */
const SEARCH_GAP = 150
/** How long the answers are waited for that are due when a phase is over. */
const DRAIN = 1_000
/** How long an import may take that ends when it is done. */
const LONGEST_IMPORT = 60_000
/** Before a client goes on whose request has failed. */
const AFTER_FAILURE = 50
/** How often its own lateness is looked at. */
const LOOK = 5

/** The load generator, as a process of its own. */
const functions = { run: (phase: Phase): Promise<PhaseResult> => new Run(phase).result() }

export type LoadGenerator = typeof functions

offer(functions)

class Run {
  readonly #phase: Phase
  readonly #way: Way
  readonly #end: number
  readonly #searches: number[] = []
  readonly #failures: Record<string, number> = {}
  #unanswered = 0
  #work = 0
  #drawn = 0
  #last = 0
  #over = false

  constructor(phase: Phase) {
    this.#phase = phase
    this.#way = wayTo(phase.target)
    this.#end = phase.begins + (phase.seconds ?? Number.POSITIVE_INFINITY) * 1000
  }

  async result(): Promise<PhaseResult> {
    const { begins } = this.#phase
    await sleepUntil(begins)
    const began = process.cpuUsage()
    const delay = monitorEventLoopDelay({ resolution: LOOK })
    delay.enable()
    const all = Promise.all([this.#search(), this.#import()])
    await Promise.race([all, this.#late()])
    this.#over = true
    const elapsed = now() - begins
    await this.#way.destroy()
    await all
    delay.disable()
    const { user, system } = process.cpuUsage(began)
    return {
      searches: this.#searches,
      unansweredSearches: this.#unanswered,
      work: this.#work,
      drawn: this.#drawn,
      makespan: this.#last - begins,
      failures: this.#failures,
      generator: {
        cores: (user + system) / 1000 / elapsed,
        lateness: delay.percentile(99) / 1e6 - LOOK,
        pause: delay.max / 1e6 - LOOK,
      },
    }
  }

  /** So late that nobody waits any more. */
  #late(): Promise<void> {
    return sleepUntil(Number.isFinite(this.#end) ? this.#end + DRAIN : this.#phase.begins + LONGEST_IMPORT)
  }

  /** A Poisson stream. What is late for a search counts as its waiting. */
  async #search(): Promise<void> {
    const { searches, seed, begins } = this.#phase
    if (!searches) return
    const arrivals = seeded(seed, 'arrivals')
    const draw = drawJobs(['textSearch'], seed, 'searches')
    const running: Promise<unknown>[] = []
    for (let due = begins + exponential(arrivals, SEARCH_GAP); due < this.#end; ) {
      await sleepUntil(due)
      running.push(this.#measured(draw(), due))
      due += exponential(arrivals, SEARCH_GAP)
    }
    await Promise.all(running)
  }

  async #import(): Promise<void> {
    const { bulk, seed } = this.#phase
    if (bulk === undefined) return
    const draw = drawJobs(bulk.jobs, seed, 'bulk')
    let left = bulk.count ?? Number.POSITIVE_INFINITY
    const client = async () => {
      while (!this.#over && now() < this.#end && left-- > 0) {
        const next = draw()
        this.#drawn += next.work
        const answered = await this.#measured(next, now())
        if (!answered) await sleep(AFTER_FAILURE)
      }
    }
    await Promise.all(Array.from({ length: bulk.inFlight }, client))
  }

  /** @returns Whether it was answered. */
  async #measured(draw: Draw, due: number): Promise<boolean> {
    const search = draw.job === 'textSearch'
    try {
      const done = await this.#send(draw, search)
      this.#last = now()
      if (search) this.#searches.push(this.#last - due)
      this.#count(done, draw.work)
      return true
    } catch (error) {
      // What is due when an import of so many images is given up has failed.
      if (!this.#over || this.#phase.seconds === undefined) {
        const what = error instanceof Error ? error.message : String(error)
        this.#failures[what] = (this.#failures[what] ?? 0) + 1
      } else if (search) {
        this.#unanswered++
        this.#searches.push(now() - due)
      }
      return false
    }
  }

  async #send(draw: Draw, search: boolean): Promise<string> {
    const { pool, leave } = await this.#way.take(search)
    try {
      const { statusCode, headers, body } = await pool.request({
        method: 'POST',
        path: '/predict',
        headers: { 'content-type': CONTENT_TYPE, [WORK_HEADER]: String(draw.work) },
        body: bodyOf(draw.job),
      })
      await body.json()
      if (statusCode !== 200) throw new Error(`status ${statusCode}`)
      return String(headers[DONE_HEADER])
    } finally {
      leave()
    }
  }

  /** Of a job that was still going on when the phase was over, the part before counts. */
  #count(done: string, work: number): void {
    const [from = 0, to = 0] = done.split(' ').map(Number)
    const part = (Math.min(to, this.#end) - from) / (to - from)
    this.#work += work * Math.max(0, part)
  }
}

/** A connection to send one request on. */
interface Place {
  readonly pool: Pool
  /** The answer has come. */
  leave(): void
}

/** The way from the load generator to the servers. */
interface Way {
  take(search: boolean): Promise<Place>
  /** Breaks every connection. */
  destroy(): Promise<void>
}

function wayTo(target: Target): Way {
  if (target.kind === 'all-known') return allKnown(target.servers)
  const pool = new Pool(target.url)
  return { take: async () => ({ pool, leave() {} }), destroy: () => pool.destroy() }
}

/** The fastest free worker for the first in the queue; searches go first, and to the best server alone. */
function allKnown(specs: Extract<Target, { kind: 'all-known' }>['servers']): Way {
  const servers = specs
    .map(({ url, workers, time }) => ({ pool: new Pool(url), free: workers, time }))
    .sort((a, b) => a.time - b.time)
  const searches: PromiseWithResolvers<Place>[] = []
  const images: PromiseWithResolvers<Place>[] = []

  function serve(): void {
    for (const [i, server] of servers.entries()) {
      while (server.free > 0) {
        const next = (i === 0 ? searches.shift() : undefined) ?? images.shift()
        if (next === undefined) break
        server.free--
        const leave = () => {
          server.free++
          serve()
        }
        next.resolve({ pool: server.pool, leave })
      }
    }
  }

  return {
    take(search) {
      const queued = Promise.withResolvers<Place>()
      const queue = search ? searches : images
      queue.push(queued)
      serve()
      return queued.promise
    },
    async destroy() {
      const over = new Error('the run is over')
      for (const { reject } of [...searches.splice(0), ...images.splice(0)]) reject(over)
      await Promise.all(servers.map(({ pool }) => pool.destroy()))
    },
  }
}
