import { type Classified, type Lease, type Policy, selectBackend } from '@immich-ml-router/core'
import { exponential, lognormal, type Random, seeded } from '../lib/random.ts'
import { IMPORT, WORK } from '../pool/jobs.ts'
import type { Pool, ServerSpec } from '../pool/pools.ts'
import { SimClock } from './sim-clock.ts'

type Job = keyof typeof WORK

export interface Load {
  /** Clients of the import, by how many requests each keeps in flight. */
  readonly clients: readonly number[]
  /** The jobs of an import. */
  readonly jobs?: readonly Job[]
  /** How many there are; without end, when not given. */
  readonly images?: number
  /** How long the import goes on, in seconds, when it has no end. */
  readonly seconds?: number
  /** Between two searches, on average, in milliseconds; none, when not given. */
  readonly searchEvery?: number
}

export interface World {
  readonly pool: Pool
  readonly policy: Policy
  readonly seed: string
}

export interface Outcome {
  /** Units of work that were done. */
  readonly work: number
  /** Simulated milliseconds. */
  readonly time: number
  /** Requests of the import that were done, by client. */
  readonly served: readonly number[]
  /** How long each search took, in milliseconds. */
  readonly searches: readonly number[]
}

const CLASSIFIED: Readonly<Record<Job, Classified>> = {
  textSearch: job('clip', 'textual', 'text'),
  indexing: job('clip', 'visual', 'image'),
  faces: job('facial-recognition', 'detection', 'image'),
  ocr: job('ocr', 'detection', 'image'),
}

/** How the time of a job scatters, and the way there and back, as on loopback, in milliseconds. */
const SCATTER = 0.3
const WAY = 1

/** A pool of servers behind the real selection of core, on a clock that jumps from event to event. */
export class Simulation {
  readonly clock = new SimClock()
  readonly #select: ReturnType<typeof selectBackend>
  readonly #servers: ReadonlyMap<string, Server>
  readonly #random: Random
  #work = 0
  /** Milliseconds of real time that the selection has taken: choosing a backend, and serving those who wait. */
  deciding = 0

  constructor({ pool, policy, seed }: World) {
    this.#select = selectBackend(policy, { clock: this.clock })
    this.#random = seeded(seed)
    this.#servers = new Map(pool.servers.map((spec) => [spec.name, new Server(spec, this.clock)]))
  }

  /** Goes on where the last load ended. */
  async run({ clients, jobs = IMPORT, images, seconds = 0, searchEvery }: Load): Promise<Outcome> {
    const began = this.clock.now()
    const workBefore = this.#work
    const served = clients.map(() => 0)
    const searches: number[] = []
    let sent = 0
    let done = 0
    const isOver = () => (images === undefined ? this.clock.now() - began >= seconds * 1_000 : done >= images)
    const keepSending = async (client: number): Promise<void> => {
      while (!isOver() && (images === undefined || sent < images)) {
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

  /** Lets everything that is under way end. */
  async settle(): Promise<void> {
    await this.clock.run(() => this.#select.backends().every(({ inFlight }) => inFlight === 0))
  }

  async #request(name: Job, client: string): Promise<void> {
    const lease = await this.#deciding(() => this.#select(CLASSIFIED[name], { client }))
    await this.#serve(lease, WORK[name] * lognormal(this.#random, SCATTER))
    this.#work += WORK[name]
    this.#deciding(() =>
      lease.release({ kind: 'answered', status: 200, reachedBackend: true, reachedClient: true }),
    )
  }

  #deciding<T>(decide: () => T): T {
    const began = performance.now()
    const decided = decide()
    this.deciding += performance.now() - began
    return decided
  }

  #serve({ backend }: Lease, work: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(WAY / 2, () =>
        this.#servers.get(backend.name)?.serve(work, () => void this.clock.after(WAY / 2, resolve)),
      )
    })
  }
}

/** A server with a number of workers, and a queue in front of them. */
class Server {
  readonly #spec: ServerSpec
  readonly #clock: SimClock
  readonly #queue: (() => void)[] = []
  #busy = 0

  constructor(spec: ServerSpec, clock: SimClock) {
    this.#spec = spec
    this.#clock = clock
  }

  serve(work: number, done: () => void): void {
    const start = () => {
      this.#busy++
      this.#clock.after(work * this.#spec.time, () => {
        this.#busy--
        this.#queue.shift()?.()
        done()
      })
    }
    if (this.#busy < this.#spec.workers) start()
    else this.#queue.push(start)
  }
}

function job(task: string, type: string, input: 'text' | 'image'): Classified {
  return { classified: true, entries: [{ task, type, model: 'm', options: {} }], tasks: [task], input }
}
