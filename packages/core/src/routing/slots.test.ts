import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeResolver } from '../../../../test/support/fake-resolver.ts'
import { answered, answeredWith, clientLeft, failed, superseded } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classified } from '../classify/classification.ts'
import type { Policy } from '../config/policy.ts'
import { type Select, selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { keysOf, namesOf } from './jobs.ts'
import type { Lease } from './lease.ts'

const JOBS = [
  classified('text', 'clip/textual'),
  classified('image', 'clip/visual'),
  classified('image', 'ocr/detection'),
  classified('image', 'facial-recognition/detection'),
]

const OUTCOMES: (Outcome | undefined)[] = [
  answered,
  answered,
  answeredWith(500),
  answeredWith(429),
  failed('connect'),
  failed('reset'),
  clientLeft,
  superseded,
  undefined,
]

const POLICY: Policy = {
  backends: {
    a: { url: 'http://a', maxConcurrent: 3, reserve: 1 },
    b: { url: 'http://b', maxConcurrent: 2, tasks: ['clip'] },
    c: { url: 'http://c', maxConcurrent: 1, discover: 'dns' },
    d: { url: 'http://d', maxConcurrent: 'auto' },
  },
  routes: [
    { match: { type: 'textual' }, backends: ['a', 'b'], spill: true },
    {
      match: { task: 'ocr' },
      backends: ['c', 'a'],
      spill: true,
      hold: { bulk: '1h', interactive: '1h', maxHeld: 5 },
    },
    { match: { task: 'facial-recognition' }, backends: ['d'] },
    { backends: ['a', 'b', 'c'], strategy: 'least-conn', hedge: { after: '1s' } },
  ],
  queue: { maxWait: '1m', maxLength: 10 },
}

type Step =
  | { readonly do: 'arrive'; readonly job: number; readonly client: number }
  | { readonly do: 'leave' | 'again' | 'hedge'; readonly which: number }
  | { readonly do: 'finish'; readonly which: number; readonly how: number; readonly twice: boolean }
  | { readonly do: 'drain'; readonly backend: string }
  | { readonly do: 'enable'; readonly backend: string }
  | { readonly do: 'wait'; readonly time: number }
  | { readonly do: 'resolve'; readonly addresses: readonly string[] }

const which = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('arrive' as const), job: fc.nat(3), client: fc.nat(2) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('leave' as const, 'again' as const, 'hedge' as const),
      which,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      which,
      how: fc.nat(OUTCOMES.length - 1),
      twice: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('drain' as const), backend: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ do: fc.constant('enable' as const), backend: fc.constantFrom('a', 'b', 'c', 'd') }),
    ),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.nat(20_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('resolve' as const),
      addresses: fc.subarray(['10.0.0.1', '10.0.0.2', '10.0.0.3']),
    }),
  },
)

/** Requests as a model: those that wait, and those that hold a lease. */
class World {
  readonly clock = new FakeClock()
  readonly resolver = new FakeResolver()
  readonly select: Select = selectBackend(POLICY, { clock: this.clock, resolver: this.resolver })
  readonly waiting = new Map<
    number,
    { leaving: AbortController; job: Classified; exclude: readonly string[] }
  >()
  readonly leases = new Map<number, { lease: Lease; job: Classified }>()
  #requests = 0
  /** The highest that was learnt. */
  #learned = 0

  async run(it: Step): Promise<void> {
    const pick = <T>(from: ReadonlyMap<number, T>, index: number) =>
      [...from][index % Math.max(1, from.size)] ?? []
    if (it.do === 'arrive') this.#arrive(JOBS[it.job] ?? classified('image', 'x/y'), `client ${it.client}`)
    else if (it.do === 'leave') pick(this.waiting, it.which)[1]?.leaving.abort()
    else if (it.do === 'again') {
      const [id, held] = pick(this.leases, it.which)
      if (id !== undefined && held !== undefined) {
        held.lease.release(failed('connect'))
        this.leases.delete(id)
        this.#arrive(held.job, 'again', held.lease)
      }
    } else if (it.do === 'hedge') {
      const [, held] = pick(this.leases, it.which)
      const could = this.select.backends().filter((backend) => backend !== held?.lease.backend)
      const free = could.filter(
        ({ inFlight, limit, health }) => health.status.enabled && inFlight < limit.current,
      )
      const lease = held?.lease.hedge?.spare([held.lease.backend.id])
      if (held === undefined || lease === undefined) return
      // It is one that could be had at once.
      expect(free).toContain(lease.backend)
      this.leases.set(++this.#requests, { lease, job: held.job })
    } else if (it.do === 'finish') {
      const [id, held] = pick(this.leases, it.which)
      held?.lease.release(OUTCOMES[it.how])
      if (it.twice) held?.lease.release(answered)
      if (id !== undefined) this.leases.delete(id)
    } else if (it.do === 'wait') this.clock.advance(it.time)
    else if (it.do === 'resolve') {
      this.resolver.hosts = { c: it.addresses }
      this.clock.advance(10_000)
    } else if (it.do === 'drain') void this.select.drain(it.backend)
    else if (it.do === 'enable') this.select.enable(it.backend)
    await this.settle()
  }

  /** Lets everything happen that is going to by itself. */
  async settle(): Promise<void> {
    for (let i = 0; i < 40; i++) await Promise.resolve()
  }

  #arrive(it: Classified, client: string, before?: Lease): void {
    const id = ++this.#requests
    const leaving = new AbortController()
    this.waiting.set(id, { leaving, job: it, exclude: before === undefined ? [] : [before.backend.id] })
    const retry =
      before === undefined ? {} : { place: before.place, exclude: [before.backend.id], retry: true }
    this.select(it, { request: { client }, signal: leaving.signal, ...retry }).then(
      (lease) => {
        this.waiting.delete(id)
        this.leases.set(id, { lease, job: it })
      },
      () => this.waiting.delete(id),
    )
  }

  check(): void {
    const held = Object.values(this.select.held()).reduce((sum, count) => sum + count, 0)
    expect(held).toBe(this.waiting.size)
    for (const backend of [...this.select.backends(), ...this.select.leaving()]) {
      const mine = [...this.leases.values()].filter(({ lease }) => lease.backend === backend)
      expect(backend.inFlight).toBe(mine.length)
      this.#learned = Math.max(this.#learned, backend.name === 'd' ? backend.limit.current : 0)
      // A limit that is learnt may shrink while they are there, and one more may wait inside.
      expect(backend.inFlight).toBeLessThanOrEqual(
        backend.name === 'd' ? this.#learned + 1 : backend.limit.current,
      )
    }
    // A timer is up to a millisecond late for what the time alone makes free.
    if (this.free().length > 0) this.clock.advance(1)
  }

  /** Backends that somebody waits for, and that could serve them. */
  free(): string[] {
    return [...this.waiting.values()].flatMap(({ job, exclude }) => {
      const { tasks, input } = job
      const urgent = input === 'text'
      const keys = keysOf(namesOf(job.entries), job, () => 0)
      const byTask = { ocr: ['c', 'a'], 'facial-recognition': ['d'] }[tasks[0] ?? ''] ?? ['a', 'b', 'c']
      const names = urgent ? ['a', 'b'] : byTask
      return this.select
        .backends()
        .filter(({ name, id }) => names.includes(name) && !exclude.includes(id))
        .filter((backend) => backend.serves(tasks) && backend.health.obstacle(keys, urgent) === undefined)
        .map(({ id }) => id)
    })
  }
}

describe('slots', () => {
  it('come back in every way in which a request can end, and never are there more than there may be', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        const world = new World()
        for (const it of steps) {
          await world.run(it)
          world.check()
          await world.settle()
          // Nobody waits for what is free.
          expect(world.free()).toEqual([])
        }
        world.select.close()
        for (const { lease } of world.leases.values()) lease.release(answered)
        await world.settle()
        expect([world.waiting.size, world.select.held()]).toEqual([0, {}])
        for (const {
          inFlight,
          demand: { waiting },
        } of world.select.backends())
          expect([inFlight, waiting]).toEqual([0, 0])
        expect(world.select.leaving()).toEqual([])
        expect(world.clock.pending).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})
