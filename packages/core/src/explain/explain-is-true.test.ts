import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  broken,
  busy,
  image,
  lacking,
  search,
  stage,
  unreachable,
  words,
} from '../../../../test/support/explained-route.ts'
import { settled } from '../../../../test/support/fake-resolver.ts'
import { answered, passedOver } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import { type StrategyName, strategies } from '../balance/strategies.ts'
import { selectBackend } from '../router/select-backend.ts'
import type { Lease } from '../routing/lease.ts'
import type { Decided } from '../routing/route-selector.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { explainRoute } from './explain-route.ts'
import type { RouteExplanation } from './explanation.ts'

const refused = passedOver(401)

describe('an explanation of a backend that is down', () => {
  it('wakes no machine, which a request would', async () => {
    const wanted: string[] = []
    const select = selectBackend(
      {
        backends: {
          gpu: { url: 'http://gpu', health: { fall: 1 } },
          nas: { url: 'http://nas', health: false },
        },
        routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }],
        hold: false,
      },
      { clock: new FakeClock(), onUnavailable: ({ name }) => void wanted.push(name) },
    )
    select.start(() => Promise.resolve('timeout'))
    onTestFinished(() => select.close())
    await settled()
    expect(words(select.explain(image))).toEqual([
      'gpu next: down for 0 ms (timeout)',
      'nas chosen: first in the list',
    ])
    expect(wanted).toEqual([])
    await select(image)
    expect(wanted).toEqual(['gpu'])
  })
})

interface Step {
  readonly what: 'request' | 'search' | 'end' | 'drain' | 'enable' | 'pause'
  readonly outcome: Outcome
  readonly nth: number
  readonly retry: boolean
  readonly exclude: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('request', 'request', 'request', 'search', 'end', 'end', 'drain', 'enable', 'pause'),
  outcome: fc.constantFrom(answered, answered, answered, broken, refused, lacking, busy, unreachable),
  nth: fc.nat(5),
  retry: fc.boolean(),
  exclude: fc.boolean(),
})

/** What becomes of a request at once, in the words of a decision. */
function told({ decision }: RouteExplanation): string {
  if (decision.kind === 'forward') return `goes to ${decision.backend}`
  return decision.kind === 'reject' ? decision.code : decision.kind
}

const backend = fc.record({
  maxConcurrent: fc.constantFrom<(number | 'auto')[]>(1, 2, 'auto'),
  tier: fc.constantFrom(1, 1, 2),
  weight: fc.constantFrom(1, 3),
  reserve: fc.constantFrom(0, 0, '50%'),
})

const policy = fc.record({
  backends: fc.array(backend, { minLength: 1, maxLength: 4 }),
  strategy: fc.constantFrom(...(Object.keys(strategies) as StrategyName[])),
  spill: fc.boolean(),
  hold: fc.boolean(),
})

type Drawn = typeof policy extends fc.Arbitrary<infer T> ? T : never

const JOBS_THAT_TAKE_NO_TIME: Drawn = {
  backends: [
    { maxConcurrent: 1, tier: 1, weight: 1, reserve: 0 },
    { maxConcurrent: 2, tier: 1, weight: 1, reserve: 0 },
  ],
  strategy: 'peak-ewma',
  spill: false,
  hold: false,
}

const WHAT_NOBODY_HAS_DONE: Drawn = {
  ...JOBS_THAT_TAKE_NO_TIME,
  backends: ([1, 'auto', 1] as const).map((maxConcurrent) => ({
    maxConcurrent,
    tier: 1,
    weight: 1,
    reserve: 0,
  })),
}

const A_SEARCH_AT_LAST: Step[] = (['request', 'end', 'request', 'request', 'search'] as const).map(
  (what, i) => ({
    what,
    outcome: answered,
    nth: i < 3 ? 0 : 2,
    retry: false,
    exclude: i >= 3,
  }),
)

const FOUR_REQUESTS: Step[] = (['request', 'request', 'end', 'request', 'request'] as const).map((what) => ({
  what,
  outcome: answered,
  nth: 0,
  retry: false,
  exclude: false,
}))

describe('an explanation', () => {
  it('is what is decided then, and changes nothing, whatever has happened', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => void vi.restoreAllMocks())
    await fc.assert(
      fc.asyncProperty(policy, fc.array(step, { maxLength: 40 }), async (given, steps) => {
        const silent = await run(given, steps, false)
        expect(await run(given, steps, true)).toEqual(silent)
      }),
      {
        numRuns: 150,
        examples: [
          [JOBS_THAT_TAKE_NO_TIME, FOUR_REQUESTS],
          [WHAT_NOBODY_HAS_DONE, A_SEARCH_AT_LAST],
        ],
      },
    )
  }, 60_000)
})

/** Goes through the steps, and holds each decision against what was said of it before, if it is asked for. */
async function run(
  { backends, hold, ...route }: Drawn,
  steps: readonly Step[],
  asks: boolean,
): Promise<string[]> {
  const names = backends.map((_, i) => `b${i}`)
  const { clock, select } = stage({
    backends: Object.fromEntries(backends.map((options, i) => [`b${i}`, options])),
    routes: [{ ...route, backends: names, ...(hold ? { hold: '1h' } : {}) }],
  })
  const leases: Lease[] = []
  const happened: string[] = []
  for (const { what, outcome, nth, retry, exclude } of steps) {
    const name = names[nth % names.length] ?? ''
    if (what === 'drain') void select.drain(name)
    else if (what === 'enable') select.enable(name)
    else if (what === 'end') leases.splice(nth % Math.max(1, leases.length), 1)[0]?.release(outcome)
    else if (what === 'pause') clock.advance(nth * 1_500)
    else {
      const classification = what === 'search' ? search : image
      const options = { retry, ...(exclude ? { exclude: [name] } : {}) }
      let last: RouteExplanation | undefined
      const explained = asks ? select.explain(classification, options) : undefined
      const before = JSON.stringify(asks ? [clock.pending, select.held()] : [])
      if (asks) {
        expect(select.explain(classification, options)).toEqual(explained)
        expect(JSON.stringify([clock.pending, select.held()])).toBe(before)
      }
      let became = ''
      let decided: string | undefined
      const onDecision = (it: Decided) => {
        last = explainRoute(it)
      }
      const lease = select(classification, {
        ...options,
        ...(asks ? { onDecision } : {}),
        onWait: ({ reason }) => {
          became = reason === 'full' ? 'queue' : 'hold'
          decided = last && told(last)
        },
      })
      // A held request shortens an ejection, so it may have its lease by now.
      if (asks && became !== '') expect(decided).toBe(became)
      lease.then(
        (it) => {
          leases.push(it)
          happened.push(`lease of ${it.backend.name}`)
          if (asks) expect(last && told(last)).toBe(`goes to ${it.backend.name}`)
        },
        () => {},
      )
      became ||= await Promise.race([
        lease.then(
          (it) => `goes to ${it.backend.name}`,
          (error) => error.code,
        ),
        settled().then(() => 'nothing'),
      ])
      if (explained !== undefined) expect(told(explained)).toBe(became)
      happened.push(became)
    }
    await settled()
  }
  select.close()
  return happened
}
