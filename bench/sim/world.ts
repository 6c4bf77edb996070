import type { Policy } from '@immich-ml-router/core'
import type { ImmichJob } from '@immich-ml-router/core/testing'
import { exponential, lognormal, type Random, seeded } from '../../test/support/random.ts'
import { IMPORT, SCATTER, WORK } from '../pool/jobs.ts'
import type { Pool } from '../pool/pools.ts'
import { Workers } from '../pool/workers.ts'
import { AllKnown } from './all-known.ts'
import { type Dispatcher, type Place, Routed } from './routed.ts'
import { SimClock } from './sim-clock.ts'

export interface Load {
  /** Clients of the import, by how many requests each keeps in flight. */
  readonly clients: readonly number[]
  /** The jobs of an import. */
  readonly jobs?: readonly ImmichJob[]
  /** How many there are, or for how many seconds it goes on. */
  readonly images?: number
  readonly seconds?: number
  /** Milliseconds between two searches, on average; none by default. */
  readonly searchEvery?: number
}

/** Round trip in milliseconds. With it, shares and search latencies match real processes on loopback. */
const WAY = 2.5

/** A pool of servers, mostly behind the real selection of core, on a clock that jumps from event to event. */
export class Simulation {
  readonly clock = new SimClock()
  readonly #dispatcher: Dispatcher
  readonly #servers: ReadonlyMap<string, Workers>
  readonly #random: Random
  #work = 0
  #inFlight = 0
  /** Milliseconds of real time that the selection has taken: choosing a backend, and serving the queue. */
  deciding = 0

  /** Without a policy, everything is known. */
  constructor({
    pool,
    policy,
    seed,
  }: { readonly pool: Pool; readonly policy?: Policy; readonly seed: string }) {
    this.#dispatcher =
      policy === undefined ? new AllKnown(pool, this.clock, WAY) : new Routed(policy, this.clock)
    this.#random = seeded(seed)
    this.#servers = new Map(
      // Time jumps here, so it needs no rounding.
      pool.servers.map(({ name, workers, time }) => [
        name,
        new Workers(
          workers,
          () => time,
          this.clock,
          (milliseconds) => milliseconds,
        ),
      ]),
    )
  }

  /**
   * Goes on where the last load ended.
   *
   * @returns Units of work, simulated time and search latencies in ms, and requests of the import by client.
   */
  async run({ clients, jobs = IMPORT, images = Number.POSITIVE_INFINITY, seconds, searchEvery }: Load) {
    const began = this.clock.now()
    const workBefore = this.#work
    const served = clients.map(() => 0)
    const searches: number[] = []
    let [sent, done] = [0, 0]
    const end = began + (seconds ?? Number.POSITIVE_INFINITY) * 1_000
    const isOver = () => this.clock.now() >= end || done >= images
    const keepSending = async (client: number): Promise<void> => {
      while (!isOver() && sent < images) {
        sent++
        await this.#request(jobs[Math.floor(this.#random() * jobs.length)] ?? 'indexing', `client ${client}`)
        served[client] = (served[client] ?? 0) + 1
        done++
      }
    }
    const search = async (): Promise<void> => {
      const due = this.clock.now()
      await this.#request('textSearch', 'searcher')
      searches.push(this.clock.now() - due)
    }
    const keepSearching = (every: number) => {
      this.clock.after(exponential(this.#random, every), () => {
        if (isOver()) return
        search()
        keepSearching(every)
      })
    }
    for (const [client, inFlight] of clients.entries()) for (let i = 0; i < inFlight; i++) keepSending(client)
    if (searchEvery !== undefined) keepSearching(searchEvery)
    await this.clock.run(isOver)
    return { work: this.#work - workBefore, time: this.clock.now() - began, served, searches }
  }

  /** Lets everything that is in flight end. */
  async settle(): Promise<void> {
    await this.clock.run(() => this.#inFlight === 0)
  }

  async #request(job: ImmichJob, client: string): Promise<void> {
    this.#inFlight++
    const work = WORK[job] * lognormal(this.#random, SCATTER)
    const place = await this.#deciding(() => this.#dispatcher.dispatch({ job, client, work }))
    await this.#serve(place, work)
    this.#work += WORK[job]
    this.#inFlight--
    this.#deciding(() => place.leave())
  }

  #deciding<T>(decide: () => T): T {
    const began = performance.now()
    const decided = decide()
    this.deciding += performance.now() - began
    return decided
  }

  #serve({ server }: Place, work: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.clock.after(WAY / 2, async () => {
      await this.#servers.get(server)?.run(work)
      this.clock.after(WAY / 2, resolve)
    })
    return promise
  }
}
