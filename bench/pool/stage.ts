import { Child } from '../lib/child.ts'
import { startNginx } from '../lib/server.ts'
import { addCounts, type Counts, now } from '../lib/stats.ts'
import type { Contender, Running } from './contenders.ts'
import { idealMakespan, idealWork, SLOW_PART } from './ideal.ts'
import { IMPORT } from './jobs.ts'
import type { LoadGenerator, Phase, Target } from './load.ts'
import type { Pool } from './pools.ts'
import type { LimitSample, RouterProcess } from './router.ts'
import type { StandIn } from './server.ts'

/** The contents of `pool.json`. Times are in milliseconds. */
export interface Results {
  readonly settings: Settings
  readonly pools: readonly PoolResult[]
  readonly contenders: readonly { readonly name: string; readonly label: string }[]
  readonly cells: readonly Cell[]
  readonly imports: readonly Import[]
}

export interface Settings {
  readonly seed: string
  /** Of an import with so many requests in flight. */
  readonly seconds: number
  /** Of searches alone, before. */
  readonly idleSeconds: number
  readonly inFlight: readonly number[]
}

export interface PoolResult {
  readonly name: string
  readonly title: string
  readonly servers: readonly string[]
  /** From when to when its changing server is slow, in seconds. */
  readonly slow: readonly number[] | null
}

/** One contender on one pool with so many requests in flight. */
export interface Cell {
  readonly pool: string
  readonly contender: string
  readonly inFlight: number
  /** Of the work that the pool could have done at best. */
  readonly share: number
  /** How long each search took before the import, and during it. */
  readonly idle: readonly number[]
  readonly busy: readonly number[]
  /** Searches that had no answer in the end; they are in `busy` with the time they had waited. */
  readonly unanswered: number
  readonly failures: Counts
  /** The limits by server, in the order of the pool, at seconds from the beginning of the import. */
  readonly limits: readonly (readonly [at: number, ...limits: (number | null)[]])[]
  /** Cores that the load generator used, how late it was, and for how long it stood still at most. */
  readonly generatorCores: number
  readonly generatorLateness: number
  readonly generatorPause: number
  /** How often it was measured; again when the machine was disturbed. */
  readonly tries: number
}

/** The import of 200 images, several times. */
export interface Import {
  readonly pool: string
  readonly contender: string
  readonly inFlight: number
  readonly runs: readonly { readonly makespan: number; readonly ideal: number }[]
  readonly failures: Counts
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
  readonly target: Target
  limits?(): Promise<readonly LimitSample[]>
  stop?(): Promise<void>
}

interface Server {
  readonly child: Child<StandIn>
  readonly running: Running
}

/** A pool of servers and a load generator, as processes. */
export class Stage {
  readonly #pool: Pool
  readonly #settings: Settings
  readonly #servers: readonly Server[]
  readonly #load = new Child<LoadGenerator>(new URL('./load.ts', import.meta.url))

  private constructor(pool: Pool, settings: Settings, servers: readonly Server[]) {
    this.#pool = pool
    this.#settings = settings
    this.#servers = servers
  }

  static async set(pool: Pool, settings: Settings): Promise<Stage> {
    const starting = pool.servers.map(async (spec) => {
      const child = new Child<StandIn>(new URL('./server.ts', import.meta.url))
      return { child, running: { ...spec, url: await child.call('start', spec) } }
    })
    const stage = new Stage(pool, settings, await Promise.all(starting))
    // The first contender finds the same servers and load generator as the last.
    const bulk = { inFlight: 16, jobs: IMPORT }
    await stage.#with({ name: '', label: '', kind: 'all-known' }, ({ target }) =>
      stage.#run({ target, seed: 'warm-up', seconds: WARM_UP, searches: true, bulk }),
    )
    return stage
  }

  async close(): Promise<void> {
    await Promise.all([this.#load.stop(), ...this.#servers.map(({ child }) => child.stop())])
  }

  /** An import, and the searches before and during it; once more when the machine was disturbed. */
  async measure(contender: Contender, inFlight: number): Promise<Cell> {
    for (let tries = 1; ; tries++) {
      const cell = await this.#with(contender, (entrant) => this.#measure(contender, entrant, inFlight))
      if (cell.generatorPause < DISTURBED || tries === MOST_TRIES) return { ...cell, tries }
    }
  }

  async #measure(
    { kind, name }: Contender,
    entrant: Entrant,
    inFlight: number,
  ): Promise<Omit<Cell, 'tries'>> {
    const pool = this.#pool
    const { target } = entrant
    const { idleSeconds } = this.#settings
    const seconds = secondsOn(pool, this.#settings.seconds)
    const searches = true
    if (kind === 'router')
      await this.#run({ target, seed: this.#seed('finding out'), seconds: LEARNING, searches })
    const idle = await this.#run({
      target,
      seed: this.#seed('idle', inFlight),
      seconds: idleSeconds,
      searches,
    })
    const begins = now() + LEAD
    await this.#slowDown(begins, seconds)
    const bulk = { inFlight, jobs: IMPORT }
    const phase = { target, seed: this.#seed('busy', inFlight), begins, seconds, searches, bulk }
    const busy = await this.#load.call('run', phase)
    const limits = (await entrant.limits?.()) ?? []
    return {
      pool: pool.name,
      contender: name,
      inFlight,
      share: busy.work / idealWork(pool, inFlight, seconds),
      idle: idle.searches,
      busy: busy.searches,
      unanswered: busy.unansweredSearches,
      failures: addCounts(idle.failures, busy.failures),
      limits: limits
        .filter((sample) => sample.limits.some((limit) => limit !== null))
        .map((sample) => [(sample.at - begins) / 1000, ...sample.limits]),
      generatorCores: busy.generator.cores,
      generatorLateness: busy.generator.lateness,
      generatorPause: busy.generator.pause,
    }
  }

  /** The import of 200 images, several times, each behind a start of its own and another import. */
  async measureImport(contender: Contender, inFlight: number, times: number): Promise<Import> {
    const runs: { makespan: number; ideal: number }[] = []
    let failures: Counts = {}
    // A router has learned from an import before; for the others, it would change nothing.
    const before = contender.kind === 'router' ? IMAGES_BEFORE : 0
    for (let i = 0; i < times; i++) {
      await this.#with(contender, async ({ target }) => {
        for (const count of [before, IMAGES]) {
          const bulk = { inFlight, jobs: ['indexing'], count } as const
          const done = await this.#run({
            target,
            seed: this.#seed('import', inFlight, i),
            searches: false,
            bulk,
          })
          failures = addCounts(failures, done.failures)
          if (count !== IMAGES) continue
          runs.push({ makespan: done.makespan, ideal: idealMakespan(this.#pool, inFlight, done.drawn) })
        }
      })
    }
    return { pool: this.#pool.name, contender: contender.name, inFlight, runs, failures }
  }

  #seed(...parts: readonly (string | number)[]): string {
    return [this.#settings.seed, ...parts].join('/')
  }

  #run(phase: Omit<Phase, 'begins'>) {
    return this.#load.call('run', { ...phase, begins: now() + LEAD })
  }

  async #slowDown(begins: number, seconds: number): Promise<void> {
    const { slow } = this.#pool
    const server = this.#servers.find(({ running }) => running.name === slow?.server)
    if (slow === undefined || server === undefined) return
    const [from = 0, to = 0] = SLOW_PART.map((part) => begins + part * seconds * 1000)
    await server.child.call('slowDown', { from, to, factor: slow.factor })
  }

  /** Starts a contender for some work; afterwards the servers are as new. */
  async #with<T>(contender: Contender, work: (entrant: Entrant) => Promise<T>): Promise<T> {
    const entrant = await this.#enter(contender)
    try {
      return await work(entrant)
    } finally {
      await entrant.stop?.()
      await Promise.all(this.#servers.map(({ child }) => child.call('reset')))
    }
  }

  async #enter(contender: Contender): Promise<Entrant> {
    const servers = this.#servers.map(({ running }) => running)
    switch (contender.kind) {
      case 'router': {
        const child = new Child<RouterProcess>(new URL('./router.ts', import.meta.url))
        const url = await child.call('start', contender.options(servers))
        const stop = async () => {
          await child.stop()
          if (child.errors !== '') console.error(`\n${contender.label}: ${child.errors}`)
        }
        return { target: { kind: 'one', url }, limits: () => child.call('limits'), stop }
      }
      case 'nginx': {
        const { url, stop } = await startNginx(contender.config(servers))
        return { target: { kind: 'one', url }, stop }
      }
      case 'first-healthy':
        return { target: { kind: 'one', url: servers[0]?.url ?? '' } }
      case 'all-known':
        return { target: { kind: 'all-known', servers } }
    }
  }
}

/** A pool that changes has half as long again: each of its three parts is a run of its own. */
export function secondsOn({ slow }: Pick<Pool, 'slow'>, seconds: number): number {
  return slow === undefined ? seconds : 1.5 * seconds
}
