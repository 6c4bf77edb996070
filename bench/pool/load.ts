import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { CONTENT_TYPE, type ImmichJob } from '@immich-ml-router/core/testing'
import { Pool } from 'undici'
import { exponential, seeded } from '../../test/support/random.ts'
import { offer } from '../lib/offer.ts'
import { addCounts, type Counts, now, sleepUntil } from '../lib/stats.ts'
import type { Running } from './contenders.ts'
import { bodyOf, DONE_HEADER, type Draw, drawJobs, WORK_HEADER } from './jobs.ts'

/** One stretch of load. Times are in milliseconds unless their names say otherwise. */
export interface Phase {
  /** A URL, or the servers themselves with everything known. */
  readonly target: string | readonly Running[]
  /** Draws and arrivals follow from it. */
  readonly seed: string
  /** On the machine's clock. */
  readonly begins: number
  /** How long it lasts; without, until every bulk request is done. */
  readonly seconds?: number
  readonly searches: boolean
  /** A closed loop of jobs with the same chance each: as soon as one request is done, the next one is sent. */
  readonly bulk?: { readonly inFlight: number; readonly jobs: readonly ImmichJob[]; readonly count?: number }
}

/** Time between two searches, on average. */
const SEARCH_GAP = 150
/** How long answers are awaited after a phase, an import may take, and a client waits after a failure. */
const [DRAIN, LONGEST_IMPORT, AFTER_FAILURE] = [1_000, 60_000, 50]
/** How often its own lateness is looked at. */
const LOOK = 5

/** The load generator, as a process of its own. */
const functions = { run }

export type LoadGenerator = typeof functions

offer(functions)

async function run({ target, seed, begins, seconds, searches, bulk }: Phase) {
  const send = typeof target === 'string' ? sender(target) : allKnown(target)
  const end = begins + (seconds ?? Number.POSITIVE_INFINITY) * 1000
  const result = {
    /** From when each search was due to its answer. One without an answer counts with the time it had waited. */
    searches: [] as number[],
    unansweredSearches: 0,
    /** Units of work that were computed between begin and end, for requests that were answered. */
    work: 0,
    /** Units of work of all bulk requests that were sent. */
    drawn: 0,
    /** From the beginning to the last answer. */
    makespan: 0,
    failures: {} as Counts,
  }
  let over = false

  async function measured(draw: Draw, due: number): Promise<void> {
    const search = draw.job === 'textSearch'
    try {
      const [from = 0, to = 0] = (await send.request(draw)).split(' ').map(Number)
      result.makespan = now() - begins
      if (search) result.searches.push(now() - due)
      // Of a job that was still going on at the end, the part before counts.
      result.work += draw.work * Math.max(0, (Math.min(to, end) - from) / (to - from))
    } catch (error) {
      // What is due when an import of so many images is given up has failed.
      if (!over || seconds === undefined) {
        const what = error instanceof Error ? error.message : String(error)
        result.failures = addCounts(result.failures, { [what]: 1 })
        if (!search && !over) await sleep(AFTER_FAILURE)
      } else if (search) {
        result.unansweredSearches++
        result.searches.push(now() - due)
      }
    }
  }

  /** A Poisson stream. What is late for a search counts as its waiting. */
  async function search(): Promise<void> {
    const arrivals = seeded(seed, 'arrivals')
    const draw = drawJobs(['textSearch'], seed, 'searches')
    const running: Promise<void>[] = []
    for (let due = begins + exponential(arrivals, SEARCH_GAP); due < end; ) {
      await sleepUntil(due)
      running.push(measured(draw(), due))
      due += exponential(arrivals, SEARCH_GAP)
    }
    await Promise.all(running)
  }

  async function load({ inFlight, jobs, count = Number.POSITIVE_INFINITY }: NonNullable<Phase['bulk']>) {
    const draw = drawJobs(jobs, seed, 'bulk')
    let left = count
    const client = async () => {
      while (!over && now() < end && left-- > 0) {
        const next = draw()
        result.drawn += next.work
        await measured(next, now())
      }
    }
    await Promise.all(Array.from({ length: inFlight }, client))
  }

  await sleepUntil(begins)
  const began = process.cpuUsage()
  const delay = monitorEventLoopDelay({ resolution: LOOK })
  delay.enable()
  const all = Promise.all([searches ? search() : undefined, bulk && load(bulk)])
  await Promise.race([all, sleepUntil(Number.isFinite(end) ? end + DRAIN : begins + LONGEST_IMPORT)])
  over = true
  const elapsed = now() - begins
  await send.destroy()
  await all
  delay.disable()
  const { user, system } = process.cpuUsage(began)
  return {
    ...result,
    /** Cores that the load generator needs, how late it is (99th percentile), and its longest pause. */
    generator: {
      cores: (user + system) / 1000 / elapsed,
      lateness: delay.percentile(99) / 1e6 - LOOK,
      pause: delay.max / 1e6 - LOOK,
    },
  }
}

interface Sender {
  /** @returns From when to when the server has worked on it. */
  request(draw: Draw): Promise<string>
  /** Breaks every connection. */
  destroy(): Promise<unknown>
}

function sender(url: string): Sender {
  const pool = new Pool(url)
  return {
    async request({ job, work }) {
      const headers = { 'content-type': CONTENT_TYPE, [WORK_HEADER]: String(work) }
      const answer = await pool.request({ method: 'POST', path: '/predict', headers, body: bodyOf(job) })
      await answer.body.json()
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
      return String(answer.headers[DONE_HEADER])
    },
    destroy: () => pool.destroy(),
  }
}

/** The fastest free worker for the first in the queue; searches go first, and to the best server alone. */
function allKnown(specs: readonly Running[]): Sender {
  const servers = specs
    .map(({ url, workers, time }) => ({ ...sender(url), free: workers, time }))
    .sort((a, b) => a.time - b.time)
  type Queue = PromiseWithResolvers<(typeof servers)[number]>[]
  const [searches, images]: [Queue, Queue] = [[], []]

  function serve(): void {
    for (const [i, server] of servers.entries()) {
      while (server.free > 0) {
        const next = (i === 0 ? searches.shift() : undefined) ?? images.shift()
        if (next === undefined) break
        server.free--
        next.resolve(server)
      }
    }
  }

  return {
    async request(draw) {
      const queued: Queue[number] = Promise.withResolvers()
      const queue = draw.job === 'textSearch' ? searches : images
      queue.push(queued)
      serve()
      const server = await queued.promise
      try {
        return await server.request(draw)
      } finally {
        server.free++
        serve()
      }
    },
    destroy() {
      const over = new Error('the run is over')
      for (const { reject } of [...searches.splice(0), ...images.splice(0)]) reject(over)
      return Promise.all(servers.map((server) => server.destroy()))
    },
  }
}
