import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { unclassified } from '../classify/classification.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { explain, explainRoute } from './explain-route.ts'

const image = classified('image', 'clip/visual')

function stage(
  backends: Record<string, Partial<BackendOptions>>,
  policy: Partial<Omit<Policy, 'backends'>> = {},
) {
  const clock = new FakeClock()
  const complete = Object.entries(backends).map(([name, options]) => [
    name,
    { url: `http://${name}`, maxConcurrent: 1, health: false as const, ...options },
  ])
  const runtime = new PolicyRuntime(
    {
      backends: Object.fromEntries(complete),
      routes: [{ backends: Object.keys(backends), strategy: 'first' }],
      hold: false,
      ...policy,
    },
    { clock },
  )
  const explained = (options = {}) => explainRoute(runtime.table.decide(image, options))
  const verdicts = (options = {}) =>
    explained(options).candidates.map(
      ({ backend, verdict, reason }) => `${backend} ${verdict} ${reason.kind}`,
    )
  return { runtime, clock, explained, verdicts }
}

describe('explainRoute', () => {
  it('says which candidate is chosen, and which would be next', () => {
    const { explained, verdicts } = stage({ gpu: {}, nas: {}, mac: {} })
    expect(verdicts()).toEqual(['gpu chosen rated', 'nas next rated', 'mac lower rated'])
    expect(explained().decision).toEqual({
      kind: 'forward',
      backend: 'gpu',
      endpoint: undefined,
      leastBad: false,
    })
  })

  it('names no next candidate where none is retried on', () => {
    const routes = [{ backends: ['gpu', 'nas'], strategy: 'first' as const, retries: 0 }]
    expect(stage({ gpu: {}, nas: {} }, { routes }).verdicts()).toEqual([
      'gpu chosen rated',
      'nas lower rated',
    ])
  })

  it('gives the reason of each candidate that is passed over', () => {
    const { runtime, verdicts } = stage({ gpu: {}, ocr: { tasks: ['ocr'] }, nas: {}, far: { tier: 2 } })
    void runtime.pool.group('nas').drain()
    expect(verdicts({ exclude: ['gpu'] })).toEqual([
      'gpu passed-over excluded',
      'ocr passed-over lacks-task',
      'nas passed-over drained',
      'far chosen rated',
    ])
    expect(verdicts().at(-1)).toBe('far next higher-tier')
  })

  it('says how long a request waits, and for which backend', () => {
    const { runtime, explained, verdicts } = stage({ gpu: {}, nas: {} }, { queue: { maxWait: '5s' } })
    for (const name of ['gpu', 'nas']) runtime.lease(name)
    expect(verdicts()).toEqual(['gpu awaited full', 'nas awaited full'])
    expect(explained().decision).toEqual({ kind: 'queue', maxWait: 5_000, waiting: 0 })
  })

  it('has the error of a request that is refused', () => {
    const { explained, verdicts } = stage({ gpu: {} })
    expect(verdicts({ exclude: ['gpu'] })).toEqual(['gpu passed-over excluded'])
    expect(explained({ exclude: ['gpu'] }).decision).toMatchObject({
      kind: 'reject',
      status: 503,
      code: 'no-backend-available',
    })
  })
})

describe('explain', () => {
  it('adds the place of the route, and why no earlier one takes the request', () => {
    const { runtime } = stage(
      { gpu: {} },
      { routes: [{ name: 'text', match: { input: 'text' }, backends: ['gpu'] }, { backends: ['gpu'] }] },
    )
    const routes = runtime.table.selectors.map(({ route }) => route)
    const { index, routes: count, passedRoutes } = explain(routes, runtime.table.decide(image, {}))
    expect([index, count]).toEqual([1, 2])
    expect(passedRoutes).toEqual([
      { name: 'text', index: 0, member: 'input', words: 'input is image, not text' },
    ])
    const unknown = explain(routes, runtime.table.decide(unclassified('no-entries'), {}))
    expect(unknown.passedRoutes.map(({ member }) => member)).toEqual(['classified'])
  })
})
