import { Child } from '../lib/child.ts'
import { startNginx, upstreamConfig } from '../lib/server.ts'
import { addCounts, type Counts, now } from '../lib/stats.ts'
import { ALL_KNOWN, type Contender, NGINX, type Running } from './contenders.ts'
import { idealMakespan, idealWork, SLOW_PART } from './ideal.ts'
import { IMPORT } from './jobs.ts'
import type { LoadGenerator, Phase } from './load.ts'
import type { Pool } from './pools.ts'
import type { LimitSample, RouterProcess } from './router.ts'
import type { StandIn } from './server.ts'

export type Cell = Awaited<ReturnType<Stage['measure']>>
export type Import = Awaited<ReturnType<Stage['measureImport']>>

export interface Settings {
  /** Draws and arrivals follow from it. */
  readonly seed: string
  /** Of an import, and of searches alone before it. */
  readonly seconds: number
  readonly idleSeconds: number
}

/** Images of the import that is timed, and of the one before it. */
const IMAGES = 200
const IMAGES_BEFORE = 400
/** Until a phase begins, so that its command has arrived by then. */
const LEAD = 20
/** When the load generator stood still for so long, in milliseconds, something else had the machine. */
const DISTURBED = 100
const MOST_TRIES = 3
/** Seconds of searches in which a router learns what the servers are; they are not counted. */
const LEARNING = 2
/** Seconds of load before the first contender. */
const WARM_UP = 0.5

/** A contender that runs. */
interface Entrant {
  readonly target: Phase['target']
  limits?(): Promise<readonly LimitSample[]>
  stop?(): Promise<void>
}

/** A pool of servers and a load generator, as processes. */
export class Stage {
  readonly #pool: Pool
  readonly #settings: Settings
  readonly #load = new Child<LoadGenerator>(new URL('./load.ts', import.meta.url))
  readonly #children: readonly Child<StandIn>[]
  #servers: readonly Running[] = []

  constructor(pool: Pool, settings: Settings) {
    this.#pool = pool
    this.#settings = settings
    this.#children = pool.servers.map(() => new Child<StandIn>(new URL('./server.ts', import.meta.url)))
  }

  async open(): Promise<void> {
    const starting = this.#pool.servers.map(async (spec, i) => {
      return { ...spec, url: (await this.#children[i]?.call('start', spec)) ?? '' }
    })
    this.#servers = await Promise.all(starting)
    // The first contender finds the same servers and load generator as the last.
    const bulk = { inFlight: 16, jobs: IMPORT }
    await this.#with({ name: ALL_KNOWN, label: '' }, ({ target }) =>
      this.#run({ target, seed: 'warm-up', seconds: WARM_UP, searches: true, bulk }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#load, ...this.#children].map((child) => child.stop()))
  }

  /** An import, and the searches before and during it; once more when the machine was disturbed. */
  async measure(contender: Contender, inFlight: number) {
    for (let tries = 1; ; tries++) {
      const cell = await this.#with(contender, (entrant) => this.#measure(contender, entrant, inFlight))
      if (cell.generatorPause < DISTURBED || tries === MOST_TRIES) return { ...cell, tries }
    }
  }

  async #measure(contender: Contender, { target, limits }: Entrant, inFlight: number) {
    const { idleSeconds } = this.#settings
    const seconds = secondsOn(this.#pool, this.#settings.seconds)
    const phase = { target, searches: true }
    if (contender.options !== undefined)
      await this.#run({ ...phase, seed: this.#seed('finding out'), seconds: LEARNING })
    const idle = await this.#run({ ...phase, seed: this.#seed('idle', inFlight), seconds: idleSeconds })
    const begins = now() + LEAD
    await this.#slowDown(begins, seconds)
    const bulk = { inFlight, jobs: IMPORT }
    const busy = await this.#run({ ...phase, seed: this.#seed('busy', inFlight), seconds, bulk }, begins)
    const samples = (await limits?.()) ?? []
    const { cores, lateness, pause } = busy.generator
    return {
      ...{ pool: this.#pool.name, contender: contender.name, inFlight },
      /** Of the work that the pool could have done at best. */
      share: busy.work / idealWork(this.#pool, inFlight, seconds),
      /** How long each search took before the import, and during it, in milliseconds. */
      ...{ idle: idle.searches, busy: busy.searches },
      /** Searches that had no answer in the end; they are in `busy` with the time they had waited. */
      unanswered: busy.unansweredSearches,
      failures: addCounts(idle.failures, busy.failures),
      /** By server, in the order of the pool, at seconds from the beginning of the import. */
      limits: samples
        .filter((sample) => sample.limits.some((limit) => limit !== null))
        .map((sample) => [(sample.at - begins) / 1000, ...sample.limits] as const),
      ...{ generatorCores: cores, generatorLateness: lateness, generatorPause: pause },
    }
  }

  /** The import of 200 images, several times, each after a start of its own and another import. */
  async measureImport(contender: Contender, inFlight: number, times: number) {
    const runs: { makespan: number; ideal: number }[] = []
    let failures: Counts = {}
    for (let i = 0; i < times; i++) {
      const seed = this.#seed('import', inFlight, i)
      await this.#with(contender, async ({ target }) => {
        const send = async (count: number) => {
          const bulk = { inFlight, jobs: ['indexing'], count } as const
          const done = await this.#run({ target, seed, searches: false, bulk })
          failures = addCounts(failures, done.failures)
          return done
        }
        // A router learns from it; for the others, it would change nothing.
        if (contender.options !== undefined) await send(IMAGES_BEFORE)
        const { makespan, drawn } = await send(IMAGES)
        runs.push({ makespan, ideal: idealMakespan(this.#pool, inFlight, drawn) })
      })
    }
    return { pool: this.#pool.name, contender: contender.name, inFlight, runs, failures }
  }

  #seed(...parts: readonly (string | number)[]): string {
    return [this.#settings.seed, ...parts].join('/')
  }

  #run(phase: Omit<Phase, 'begins'>, begins = now() + LEAD) {
    return this.#load.call('run', { ...phase, begins })
  }

  async #slowDown(begins: number, seconds: number): Promise<void> {
    const { slow, servers } = this.#pool
    if (slow === undefined) return
    const [from = 0, to = 0] = SLOW_PART.map((part) => begins + part * seconds * 1000)
    const child = this.#children[servers.findIndex(({ name }) => name === slow.server)]
    await child?.call('slowDown', { from, to, factor: slow.factor })
  }

  /** Starts a contender for some work; afterwards the servers are as new. */
  async #with<T>(contender: Contender, work: (entrant: Entrant) => Promise<T>): Promise<T> {
    const entrant = await this.#enter(contender)
    try {
      return await work(entrant)
    } finally {
      await entrant.stop?.()
      await Promise.all(this.#children.map((child) => child.call('reset')))
    }
  }

  async #enter({ name, label, options }: Contender): Promise<Entrant> {
    const servers = this.#servers
    const urls = servers.map(({ url }) => url)
    if (name === ALL_KNOWN) return { target: servers }
    if (name === NGINX) {
      const { url, stop } = await startNginx(upstreamConfig(urls, 'least_conn;', 'proxy_read_timeout 600s;'))
      return { target: url, stop }
    }
    if (options === undefined) return { target: urls[0] ?? '' }
    const child = new Child<RouterProcess>(new URL('./router.ts', import.meta.url))
    const target = await child.call('start', options(servers))
    const stop = async () => {
      await child.stop()
      if (child.errors !== '') console.error(`\n${label}: ${child.errors}`)
    }
    return { target, limits: () => child.call('limits'), stop }
  }
}

/** A pool that changes has half as long again: each of its three parts is a run of its own. */
export function secondsOn({ slow }: Pick<Pool, 'slow'>, seconds: number): number {
  return slow === undefined ? seconds : 1.5 * seconds
}
