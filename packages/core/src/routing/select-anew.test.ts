import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { answeredWith, failed } from '../../../../test/support/outcomes.ts'
import type { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import { type StrategyName, strategies } from '../balance/strategies.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import type { Lease } from './lease.ts'
import { type Select, selectBackend } from './select-backend.ts'

const OUTCOMES: readonly (Outcome | undefined)[] = [
  ...[200, 200, 200, 200, 429, 500, 501].map((status) => answeredWith(status)),
  failed('connect'),
  undefined,
]

const NAMES = Object.keys(strategies) as StrategyName[]

const backend = fc.record({
  room: fc.constantFrom<Pick<BackendOptions, 'maxConcurrent' | 'reserve'>[]>(
    {},
    {},
    { reserve: 1 },
    { maxConcurrent: 1 },
    { maxConcurrent: 3, reserve: 1 },
    { maxConcurrent: 4, reserve: '50%' },
    { maxConcurrent: 'unlimited' },
  ),
  weight: fc.constantFrom(1, 1, 2),
  tier: fc.constantFrom(1, 1, 1, 2),
  tasks: fc.constantFrom(undefined, undefined, ['clip']),
})

const policy = fc
  .record({
    backends: fc.array(backend, { minLength: 1, maxLength: 6 }),
    strategy: fc.oneof(fc.constant('peak-ewma' as const), fc.constantFrom(...NAMES)),
    hold: fc.boolean(),
    spill: fc.boolean(),
    apart: fc.boolean(),
  })
  .map(({ backends, strategy, hold, spill, apart }): Policy => {
    const named = backends.map(({ room, ...options }, i): [string, BackendOptions] => [
      `s${i}`,
      { url: `http://s${i}`, health: false, ...room, ...options },
    ])
    const all = { backends: backends.map((_, i) => `s${i}`), strategy, spill }
    const last = hold ? { ...all, hold: '1h' } : all
    return {
      backends: Object.fromEntries(named),
      routes: apart ? [{ ...all, match: { task: 'clip', type: 'textual' } }, last] : [last],
    }
  })

const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('select' as const),
      task: fc.constantFrom('clip', 'ocr'),
      type: fc.constantFrom('visual', 'visual', 'textual'),
      exclude: fc.constantFrom<string[][]>([], [], [], ['s0']),
      retry: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      which: fc.nat(20),
      outcome: fc.constantFrom(...OUTCOMES),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      time: fc.constantFrom(1, 7, 30, 100, 300, 1_001, 2_001, 6_000, 61_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('drain' as const, 'enable' as const),
      which: fc.nat(5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const), policy }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Whatever is kept of a server is no good by the next look at the clock. */
class RestlessClock extends FakeClock {
  servers: () => readonly Backend[] = () => []

  override now(): number {
    for (const server of this.servers()) server.rate(server.weight, server.tier)
    return super.now()
  }
}

async function play(clock: FakeClock, select: Select, steps: readonly Step[]): Promise<string[]> {
  const log: string[] = []
  const leases: Lease[] = []
  for (const [i, it] of steps.entries()) {
    if (it.kind === 'select') {
      select(classified('image', `${it.task}/${it.type}`), { retry: it.retry, exclude: it.exclude }).then(
        (lease) => {
          log.push(`${i} got ${lease.backend.id} at ${clock.now()}`)
          leases.push(lease)
        },
        (reason) => log.push(`${i} failed: ${reason}`),
      )
    } else if (it.kind === 'release') {
      const [lease] = leases.splice(it.which % Math.max(1, leases.length), 1)
      lease?.release(it.outcome)
    } else if (it.kind === 'wait') clock.advance(it.time)
    else if (it.kind === 'reload') select.reload(it.policy)
    else {
      const servers = select.backends()
      const { name } = servers[it.which % servers.length] ?? { name: '' }
      if (it.kind === 'drain') select.drain(name)
      else select.enable(name)
    }
    await new Promise(setImmediate)
    log.push(`${i} waiting ${select.backends().map(({ waiting }) => waiting)}`)
  }
  select.close()
  await new Promise(setImmediate)
  return log
}

it('decides the same as if every server was asked anew each time', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  await fc.assert(
    fc.asyncProperty(policy, fc.array(step, { maxLength: 120, size: 'max' }), async (made, steps) => {
      const clock = new FakeClock()
      const restless = new RestlessClock()
      const anew = selectBackend(made, { clock: restless })
      restless.servers = () => [...anew.backends(), ...anew.leaving()]
      const log = await play(clock, selectBackend(made, { clock }), steps)
      expect(log).toEqual(await play(restless, anew, steps))
    }),
    { numRuns: 400 },
  )
})
