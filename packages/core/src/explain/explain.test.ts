import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { answered, failed, passedOver } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import { type StrategyName, strategies } from '../balance/strategies.ts'
import type { Candidate } from '../balance/strategy.ts'
import { type Classification, unclassified } from '../classify/classification.ts'
import type { BackendOptions, Match, Policy, Route } from '../config/policy.ts'
import { selectBackend } from '../router/select-backend.ts'
import type { Lease } from '../routing/lease.ts'
import { compileMatch } from '../routing/match.ts'
import type { Decided } from '../routing/route-selector.ts'
import { explainMiss } from './explain-match.ts'
import { explainRoute } from './explain-route.ts'
import type { RouteExplanation } from './explanation.ts'
import { explanationText } from './explanation-text.ts'

const search = classified('text', 'clip/textual/ViT-B-32')
const image = classified('image', 'clip/visual/ViT-B-32')
const ocr = classified('image', 'ocr/detection/PP', 'ocr/recognition/PP')

const broken = passedOver(503)
const refused = passedOver(401)
const lacking = passedOver(501)
const busy = passedOver(429, '', { 'retry-after': '3' })
const unreachable = failed('connect')

type Given = Omit<Policy, 'backends' | 'routes'> & {
  readonly backends: Record<string, Partial<BackendOptions>>
  readonly routes?: readonly Route[]
}

function stage({ backends, ...policy }: Given) {
  const clock = new FakeClock()
  const resolver = new FakeResolver()
  const complete = Object.entries(backends).map(([name, options]) => [
    name,
    { url: `http://${name}`, maxConcurrent: 2, ...options },
  ])
  const select = selectBackend(
    { backends: Object.fromEntries(complete), health: false, hold: false, ...policy },
    { clock, resolver },
  )
  const fail = (name: string, outcome: Outcome, times = 3, tasks = image) => {
    const names = Object.keys(backends).filter((other) => other !== name)
    return Array.from({ length: times }).reduce<Promise<void>>(
      (before) => before.then(async () => (await select(tasks, { exclude: names })).release(outcome)),
      Promise.resolve(),
    )
  }
  return { clock, resolver, select, fail }
}

/** Backend, verdict and words of each candidate. */
function words({ candidates }: RouteExplanation): string[] {
  return candidates.map(
    ({ backend, endpoint, verdict, words: why }) => `${backend}${endpoint ?? ''} ${verdict}: ${why}`,
  )
}

describe('why a route does not take a request', () => {
  it.each<[Match, Classification, string]>([
    [{ task: 'clip' }, ocr, 'task is ocr, not clip'],
    [{ task: ['clip', 'facial-*'] }, ocr, 'task is ocr, not clip or facial-*'],
    [{ task: 'clip', type: 'textual' }, image, 'type is visual, not textual'],
    [{ type: 'pose' }, ocr, 'type is detection and recognition, not pose'],
    [{ model: 'ViT-L-*' }, search, 'model is ViT-B-32, not ViT-L-*'],
    [{ input: 'text' }, image, 'input is image, not text'],
    [
      { input: ['text', 'image'] },
      classified(undefined, 'clip/x'),
      'there is no input, as text or image would be',
    ],
    [
      { type: 'visual' },
      classified('image', 'clip/visual', 'ocr/detection'),
      'type of ocr is detection, not visual',
    ],
    [{ type: 'a', model: 'x' }, classified('image', 'clip/a/y', 'clip/b/x'), 'model is y, not x'],
    [
      { task: 'clip' },
      unclassified('no-entries'),
      'the job is not known (no-entries), and only the last route takes such a request',
    ],
  ])('%j: %j', (match, classification, why) => {
    expect(explainMiss(match, classification)?.words).toBe(why)
  })

  it('is told exactly when it does not', () => {
    const name = fc.constantFrom('a', 'b', 'a*', '*')
    const pattern = fc.option(fc.oneof(name, fc.array(name, { minLength: 1, maxLength: 2 })), {
      nil: undefined,
    })
    const input = fc.constantFrom(undefined, 'text' as const, 'image' as const)
    const match = fc.record({ task: pattern, type: pattern, model: pattern, input })
    const job = fc.tuple(...Array(3).fill(fc.constantFrom('a', 'b', 'ab'))).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(match, input, fc.array(job, { minLength: 1, maxLength: 3 }), (given, kind, jobs) => {
        const classification = classified(kind, ...jobs)
        expect(explainMiss(given, classification) === undefined).toBe(compileMatch(given)(classification))
      }),
    )
  })

  it('is said of every route before the one that does, and of code too', () => {
    const { select } = stage({
      backends: { nas: {}, gpu: {} },
      routes: [
        { match: { task: 'clip' }, backends: ['nas'] },
        { match: () => false, backends: ['nas'] },
        { name: 'rest', backends: ['gpu'] },
      ],
    })
    expect(select.explain(ocr)).toMatchObject({
      route: 'rest',
      index: 2,
      routes: 3,
      passedRoutes: [
        { name: 'clip', index: 0, member: 'task', words: 'task is ocr, not clip' },
        { name: 'function', index: 1, member: 'function', words: 'its function said no' },
      ],
    })
  })
})

describe('what is said of a candidate', () => {
  it('that the order of the list decides about', () => {
    const { select } = stage({
      backends: { nas: {}, gpu: {} },
      routes: [{ backends: ['nas', 'gpu'], strategy: 'first' }],
    })
    expect(words(select.explain(search))).toEqual([
      'nas chosen: first in the list',
      'gpu next: behind nas in the list',
    ])
  })

  it('that could have the request as well, and ranks lower', () => {
    const backends = { nas: {}, gpu: {}, mac: {}, cloud: { tier: 2 } }
    const names = Object.keys(backends)
    const { select } = stage({
      backends,
      routes: [
        { match: { input: 'text' }, backends: names, strategy: 'first' },
        { backends: names, strategy: 'round-robin', retries: 0 },
      ],
    })
    expect(words(select.explain(search))).toEqual([
      'nas chosen: first in the list',
      'gpu next: behind nas in the list',
      'mac lower: behind nas in the list',
      'cloud lower: of tier 2, and one of tier 1 is there',
    ])
    const explained = select.explain(image)
    const verdicts = explained.candidates.map(({ verdict, reason }) => `${verdict} ${reason.kind}`)
    expect(verdicts).toEqual(['chosen rated', 'lower rated', 'lower rated', 'lower higher-tier'])
    expect(explanationText(select.explain(search))).toContain(
      '\n  mac: ranks lower, behind nas in the list\n',
    )
  })

  it('that is full, and of the one that it is not worth while going to', async () => {
    const { clock, select } = stage({ backends: { gpu: {}, nas: {} } })
    const done = async (exclude: string, time: number) => {
      const lease = await select(image, { exclude: [exclude] })
      clock.shift(time)
      lease.release(answered)
    }
    await done('nas', 100)
    await done('gpu', 3_000)
    expect(words(select.explain(image))).toEqual([
      'gpu chosen: expected to be done in 100 ms',
      'nas next: expected to be done in 3000 ms',
    ])
    await select(image)
    await select(image)
    const explained = select.explain(image)
    expect(words(explained)).toEqual([
      'gpu awaited: full (2 of 2 in flight), expected to be done in 350 ms, the wait for a slot included',
      'nas passed-over: expected to be done in 3000 ms',
    ])
    expect(explained.decision).toEqual({ kind: 'queue', maxWait: 600_000, waiting: 0 })
  })

  it('that has its slots reserved, that is drained, and that has a higher tier', async () => {
    const { select } = stage({
      backends: { gpu: { reserve: 1 }, old: {}, cloud: { tier: 2 } },
      routes: [{ backends: ['gpu', 'old', 'cloud'], spill: false }],
    })
    await select(image)
    void select.drain('old')
    expect(words(select.explain(image))).toEqual([
      'gpu awaited: reserved for urgent requests (1 of 2 in flight)',
      'old passed-over: drained',
      'cloud passed-over: of tier 2, and one of tier 1 is there',
    ])
    expect(words(select.explain(search))[0]).toMatch(/^gpu chosen: /)
  })

  it('that is ejected, for a task or as a whole, busy, or lacks the task', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => void vi.restoreAllMocks())
    const { clock, select, fail } = stage({
      backends: { a: {}, b: {}, c: {}, d: {}, e: { tasks: ['ocr'] }, f: {} },
      routes: [{ backends: ['a', 'b', 'c', 'd', 'e', 'f'], strategy: 'first' }],
    })
    await fail('a', unreachable)
    await fail('b', broken)
    await fail('c', busy, 1)
    await fail('d', lacking, 1)
    clock.shift(1_000)
    expect(words(select.explain(image, { exclude: ['f'] }))).toEqual([
      'a next: ejected (connect), for another 4 s',
      'b passed-over: ejected for clip/visual (answered 503 Service Unavailable), for another 4 s',
      'c chosen: has asked to be left alone for another 2 s',
      'd passed-over: has said that it lacks clip/visual, which is believed for another 10 min',
      'e passed-over: does not serve clip by its settings',
      'f passed-over: excluded',
    ])
    expect(select.explain(image, { exclude: ['f'] }).decision).toEqual({
      kind: 'forward',
      backend: 'c',
      endpoint: undefined,
      leastBad: true,
    })
    clock.shift(4_000)
    const trial = await select(image, { exclude: ['b', 'c', 'd', 'f'] })
    expect(words(select.explain(image))[0]).toBe('a passed-over: ejected (connect), one request is trying it')
    trial.release(answered)
    await select(image, { exclude: ['b', 'c', 'd', 'f'] })
    await select(image, { exclude: ['b', 'c', 'd', 'f'] })
    expect(words(select.explain(image))[0]).toBe(
      'a awaited: recovering, with as many requests in flight as it gets for now (2)',
    )
  })

  it('that has failed lately or had the request before, when it is tried again', async () => {
    const { select, fail } = stage({ backends: { a: {}, b: {}, c: {} } })
    await fail('a', unreachable, 1)
    expect(words(select.explain(image, { avoid: ['b'], retry: true }))).toMatchObject([
      'a next: a request failed there recently',
      'b passed-over: this request has failed there',
      expect.stringMatching(/^c chosen: /),
    ])
  })

  it('that does not answer its probes', async () => {
    const { clock, select } = stage({
      backends: { gpu: { health: { interval: '1s', fall: 1 } } },
      routes: [{ backends: ['gpu'], hold: '12h' }],
    })
    select.start(() => Promise.resolve('timeout'))
    onTestFinished(() => select.close())
    await settled()
    clock.shift(90_000)
    const explained = select.explain(image)
    expect(words(explained)).toEqual(['gpu awaited: down for 1.5 min (timeout)'])
    expect(explained.decision).toEqual({
      kind: 'hold',
      maxWait: 43_200_000,
      waiting: 0,
    })
  })

  it('whose name has many addresses, and one whose name has none', async () => {
    const { resolver, select } = stage({
      backends: { ml: { discover: 'dns' }, lost: { discover: 'dns' } },
      routes: [{ backends: ['ml', 'lost'], strategy: 'first' }],
    })
    expect(words(select.explain(image))).toEqual([
      'ml awaited: its name is being resolved',
      'lost awaited: its name is being resolved',
    ])
    expect(resolver.asked).toEqual([])
    resolver.hosts = { ml: ['10.0.0.1', '10.0.0.2'] }
    select.start(() => Promise.resolve(undefined))
    onTestFinished(() => select.close())
    await settled()
    expect(words(select.explain(image))).toEqual([
      'ml10.0.0.1:80 chosen: first in the list, 0 in flight there',
      'ml10.0.0.2:80 next: first in the list, 0 in flight there',
      'lost passed-over: lost has no address (no such host lost)',
    ])
  })

  it('whose strategy is written in code', () => {
    const ranked = ({ backend }: Candidate) => ({ backend, score: 0, reason: () => 'the last of the list' })
    const { select } = stage({
      backends: { a: {}, b: {}, c: { tasks: ['ocr'] } },
      routes: [
        { backends: ['a', 'b', 'c'], strategy: () => ({ rank: (all) => all.toReversed().map(ranked) }) },
      ],
    })
    expect(words(select.explain(image))).toEqual([
      'a next: the last of the list',
      'b chosen: the last of the list',
      'c passed-over: does not serve clip by its settings',
    ])
  })
})

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

describe('the whole of it', () => {
  it('is plain data, and can be put in words', async () => {
    const { select } = stage({
      backends: { nas: { maxConcurrent: 1 }, gpu: {} },
      routes: [
        { match: { task: 'ocr' }, backends: ['gpu'] },
        { name: 'search', match: { input: 'text' }, backends: ['nas', 'gpu'], strategy: 'first' },
        { backends: ['gpu'], retries: 0 },
      ],
    })
    await select(search)
    const explained = select.explain(search)
    expect(structuredClone(explained)).toEqual(explained)
    expect(explanationText(explained)).toBe(
      `route 1 "ocr" does not take it: task is clip, not ocr
route 2 of 3 "search" takes it (strategy first, priority 1):
  nas: waited for, full (1 of 1 in flight), first in the list
  gpu: passed over, behind nas in the list
The request is queued for a slot, for up to 10 min.
`,
    )
  })

  it('says that there is no room to wait, and that nobody has the task', async () => {
    const { select } = stage({
      backends: { nas: { maxConcurrent: 1, tasks: ['clip'] } },
      queue: { maxLength: 1 },
    })
    await select(image)
    void select(image).catch(() => {})
    onTestFinished(() => select.close())
    expect(select.explain(image).decision).toMatchObject({ kind: 'reject', status: 503, code: 'queue-full' })
    expect(select.explain(ocr).decision).toMatchObject({
      kind: 'reject',
      code: 'no-backend-available',
      message: expect.stringContaining('serves ocr'),
    })
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

/** What becomes of a request at once, in the words of a decision. */
function told({ decision }: RouteExplanation): string {
  if (decision.kind === 'forward') return `goes to ${decision.backend}`
  return decision.kind === 'reject' ? decision.code : decision.kind
}

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
