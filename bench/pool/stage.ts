import { Child } from '../lib/child.ts'
import { now } from '../lib/clock.ts'
import { findNginx, startNginx } from '../lib/nginx.ts'
import { percentile } from '../lib/stats.ts'
import type { Contender, Running } from './contenders.ts'
import { idealMakespan, idealWork, SLOW_PART } from './ideal.ts'
import { IMPORT } from './jobs.ts'
import type { LoadGenerator } from './load.ts'
import type { Phase, PhaseResult, Target } from './phase.ts'
import type { Pool } from './pools.ts'
import type { Cell, Import, Settings } from './results.ts'
import type { LimitSample, RouterProcess } from './router.ts'
import type { StandIn } from './server.ts'

/** Images of the import whose makespan is measured. */
export const IMAGES = 200
/** Until a phase begins, so that its command has arrived by then. */
const LEAD = 20
/** When the load generator stood still for so long, in milliseconds, something else had the machine. */
const DISTURBED = 100
const MOST_TRIES = 3
/** Seconds of searches in which a router finds out what the servers are; they are not counted. */
const FINDING_OUT = 2
/** Images of the import that comes before the one that is timed. */
const IMAGES_BEFORE = 400
/** Seconds of load before the first contender. */
const WARM_UP = 0.5

/** A contender that runs. */
interface Entrant {
  readonly target: Target
  limits(): Promise<readonly LimitSample[]>
  stop(): Promise<void>
}

/** A pool of servers and a load generator, as processes. */
export class Stage {
  readonly #pool: Pool
  readonly #settings: Settings
  readonly #servers: readonly { readonly child: Child<StandIn>; readonly running: Running }[]
  readonly #load: Child<LoadGenerator>

  private constructor(
    pool: Pool,
    settings: Settings,
    servers: readonly { readonly child: Child<StandIn>; readonly running: Running }[],
  ) {
    this.#pool = pool
    this.#settings = settings
    this.#servers = servers
    this.#load = new Child<LoadGenerator>(new URL('./load.ts', import.meta.url))
  }

  static async set(pool: Pool, settings: Settings): Promise<Stage> {
    const starting = pool.servers.map(async (spec) => {
      const child = new Child<StandIn>(new URL('./server.ts', import.meta.url))
      return { child, running: { ...spec, url: await child.call('start', spec) } }
    })
    const stage = new Stage(pool, settings, await Promise.all(starting))
    await stage.#warmUp()
    return stage
  }

  /** So that the first contender finds the same servers and load generator as the last. */
  async #warmUp(): Promise<void> {
    const entrant = await this.#enter({ name: '', label: '', kind: 'all-known' })
    const bulk = { inFlight: 16, jobs: IMPORT }
    await this.#run({ target: entrant.target, seed: 'warm-up', seconds: WARM_UP, searches: true, bulk })
    await this.#reset()
  }

  async close(): Promise<void> {
    await Promise.all([this.#load.stop(), ...this.#servers.map(({ child }) => child.stop())])
  }

  /** An import, and the searches before and meanwhile; once more when the machine was disturbed. */
  async measure(contender: Contender, inFlight: number): Promise<Cell> {
    for (let tries = 1; ; tries++) {
      const cell = await this.#measure(contender, inFlight)
      if (cell.generatorPause < DISTURBED || tries === MOST_TRIES) return { ...cell, tries }
    }
  }

  async #measure(contender: Contender, inFlight: number): Promise<Omit<Cell, 'tries'>> {
    const pool = this.#pool
    const seconds = secondsOn(pool, this.#settings)
    const entrant = await this.#enter(contender)
    try {
      const { target } = entrant
      await this.#findOut(contender, target)
      const idle = await this.#run({
        target,
        seed: this.#seed('idle', inFlight),
        seconds: this.#settings.idleSeconds,
        searches: true,
      })
      const begins = now() + LEAD
      await this.#slowDown(begins, seconds)
      const busy = await this.#load.call('run', {
        target,
        seed: this.#seed('busy', inFlight),
        begins,
        seconds,
        searches: true,
        bulk: { inFlight, jobs: IMPORT },
      })
      const limits = await entrant.limits()
      return {
        pool: pool.name,
        contender: contender.name,
        inFlight,
        share: busy.work / idealWork(pool, inFlight, seconds),
        idle: idle.searches,
        busy: busy.searches,
        unanswered: busy.unansweredSearches,
        bulkMedian: percentile(busy.bulk, 0.5),
        bulkP95: percentile(busy.bulk, 0.95),
        byServer: busy.byServer,
        failures: added(idle.failures, busy.failures),
        limits: limits
          .filter((sample) => sample.limits.some((limit) => limit !== null))
          .map((sample) => [(sample.at - begins) / 1000, ...sample.limits]),
        generatorCores: busy.generator.cores,
        generatorLateness: busy.generator.lateness,
        generatorPause: busy.generator.pause,
      }
    } finally {
      await entrant.stop()
      await this.#reset()
    }
  }

  /** The import of 200 images, several times, each behind a start of its own and another import. */
  async measureImport(contender: Contender, inFlight: number, times: number): Promise<Import> {
    const runs: { makespan: number; ideal: number }[] = []
    let failures: Record<string, number> = {}
    for (let i = 0; i < times; i++) {
      const entrant = await this.#enter(contender)
      const { target } = entrant
      const seed = this.#seed('import', inFlight, i)
      try {
        const bulk = { inFlight, jobs: ['indexing'], count: IMAGES } as const
        // Who learns has had an import before; for the others, it would change nothing.
        const count = contender.kind === 'router' ? IMAGES_BEFORE : 0
        const before = await this.#run({ target, seed, searches: false, bulk: { ...bulk, count } })
        const done = await this.#run({ target, seed, searches: false, bulk })
        runs.push({ makespan: done.makespan, ideal: idealMakespan(this.#pool, inFlight, done.drawn) })
        failures = added(failures, added(before.failures, done.failures))
      } finally {
        await entrant.stop()
        await this.#reset()
      }
    }
    return { pool: this.#pool.name, contender: contender.name, inFlight, runs, failures }
  }

  async #findOut({ kind }: Contender, target: Target): Promise<void> {
    if (kind !== 'router') return
    await this.#run({ target, seed: this.#seed('finding out'), seconds: FINDING_OUT, searches: true })
  }

  #seed(...parts: readonly (string | number)[]): string {
    return [this.#settings.seed, ...parts].join('/')
  }

  #run(phase: Omit<Phase, 'begins'>): Promise<PhaseResult> {
    return this.#load.call('run', { ...phase, begins: now() + LEAD })
  }

  async #slowDown(begins: number, seconds: number): Promise<void> {
    const { slow } = this.#pool
    const server = this.#servers.find(({ running }) => running.name === slow?.server)
    if (slow === undefined || server === undefined) return
    const [from, to] = SLOW_PART.map((part) => begins + part * seconds * 1000)
    await server.child.call('slowDown', { from: from ?? 0, to: to ?? 0, factor: slow.factor })
  }

  async #reset(): Promise<void> {
    await Promise.all(this.#servers.map(({ child }) => child.call('reset')))
  }

  async #enter(contender: Contender): Promise<Entrant> {
    const servers = this.#servers.map(({ running }) => running)
    const nothing = { limits: async () => [], stop: async () => {} }
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
        const program = findNginx()
        if (program === undefined) throw new Error('nginx is not installed')
        const { url, stop } = await startNginx(program, contender.config(servers))
        return { ...nothing, target: { kind: 'one', url }, stop }
      }
      case 'first-healthy':
        return { ...nothing, target: { kind: 'one', url: servers[0]?.url ?? '' } }
      case 'all-known':
        return { ...nothing, target: { kind: 'all-known', servers } }
    }
  }
}

/** A pool that changes has half as long again: each of its three parts is a run of its own. */
export function secondsOn(pool: Pool, { seconds }: Settings): number {
  return pool.slow === undefined ? seconds : 1.5 * seconds
}

function added(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = { ...a }
  for (const [key, value] of Object.entries(b)) sums[key] = (sums[key] ?? 0) + value
  return sums
}
