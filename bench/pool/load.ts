import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { CONTENT_TYPE } from '../../test/support/predict-body.ts'
import { now } from '../lib/clock.ts'
import { offer } from '../lib/offer.ts'
import { exponential, seeded } from '../lib/random.ts'
import { bodyOf, DONE_HEADER, type Draw, drawJobs, WORK_HEADER } from './jobs.ts'
import type { Phase, PhaseResult } from './phase.ts'
import { type Way, wayTo } from './way.ts'

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
  readonly #bulk: number[] = []
  readonly #byServer: Record<string, number> = {}
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
      bulk: this.#bulk,
      work: this.#work,
      drawn: this.#drawn,
      makespan: this.#last - begins,
      byServer: this.#byServer,
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
    const latencies = search ? this.#searches : this.#bulk
    try {
      const done = await this.#send(draw, search)
      this.#last = now()
      latencies.push(this.#last - due)
      this.#count(done, draw.work)
      return true
    } catch (error) {
      // What is due when an import of so many images is given up has failed.
      if (!this.#over || this.#phase.seconds === undefined) {
        const what = error instanceof Error ? error.message : String(error)
        this.#failures[what] = (this.#failures[what] ?? 0) + 1
      } else if (search) {
        this.#unanswered++
        latencies.push(now() - due)
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
    const [server = '', start, end] = done.split(' ')
    this.#byServer[server] = (this.#byServer[server] ?? 0) + 1
    const [from, to] = [Number(start), Number(end)]
    const part = (Math.min(to, this.#end) - from) / (to - from)
    this.#work += work * Math.max(0, part)
  }
}

async function sleepUntil(time: number): Promise<void> {
  const left = time - now()
  if (left > 0) await sleep(left)
}
