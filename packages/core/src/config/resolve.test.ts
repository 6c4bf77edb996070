import { describe, expect, it } from 'vitest'
import { parsePolicy } from './parse.ts'
import type { BackendOptions, HedgeOptions, HoldOptions, Policy, Route, RouterConfig } from './policy.ts'
import { resolveConfig, resolveExchange, resolveForward, resolvePolicy } from './resolve.ts'

const HOUR = 3_600_000

/** One backend and one route, as they are resolved. */
function one(
  backend: Partial<BackendOptions> = {},
  route: Partial<Route> = {},
  policy: Partial<Policy> = {},
) {
  const resolved = resolvePolicy({
    backends: { ml: { url: 'http://ml:3003', ...backend } },
    routes: [{ backends: ['ml'], ...route }],
    ...policy,
  })
  return { ...resolved, backend: resolved.backends.get('ml'), route: resolved.routes[0] }
}

describe('hold', () => {
  type Written = HoldOptions | number | string | false | undefined
  const DEFAULTS = { bulk: 12 * HOUR, interactive: 15_000, maxHeld: 1_000 }
  it.each<[own: Written, general: Written, resolved: object | undefined]>([
    [undefined, undefined, DEFAULTS],
    [undefined, '1h', { ...DEFAULTS, bulk: HOUR, interactive: HOUR }],
    [
      undefined,
      'unlimited',
      { ...DEFAULTS, bulk: Number.POSITIVE_INFINITY, interactive: Number.POSITIVE_INFINITY },
    ],
    [5_000, { bulk: '1h', maxHeld: 7 }, { bulk: 5_000, interactive: 5_000, maxHeld: 7 }],
    [{ bulk: '2h' }, { interactive: '1s', maxHeld: 7 }, { bulk: 2 * HOUR, interactive: 1_000, maxHeld: 7 }],
    [{ bulk: '2h', interactive: undefined }, '1h', { ...DEFAULTS, bulk: 2 * HOUR, interactive: HOUR }],
    [{ maxHeld: 2 }, false, { ...DEFAULTS, maxHeld: 2 }],
    [undefined, false, undefined],
    [false, '1h', undefined],
  ])('%j of a route and %j of the policy', (own, general, resolved) => {
    expect(one({}, { hold: own }, { hold: general }).route?.hold).toEqual(resolved)
  })

  it('bounds the bytes of all held bodies', () => {
    const bytesOf = (hold: Policy['hold']) => one({}, {}, { hold }).maxHeldBytes
    const written = [undefined, false, '1h', { maxBytes: '1kb' }, { maxBytes: 'unlimited' }] as const
    expect(written.map(bytesOf)).toEqual([
      2 * 1024 ** 3,
      2 * 1024 ** 3,
      2 * 1024 ** 3,
      1024,
      Number.POSITIVE_INFINITY,
    ])
  })
})

describe('hedge', () => {
  it.each<[HedgeOptions | undefined, object | undefined]>([
    [undefined, undefined],
    [{}, { after: { percentile: 95 }, max: 1 }],
    [
      { after: 'p99', max: 2 },
      { after: { percentile: 99 }, max: 2 },
    ],
    [{ after: 'p50' }, { after: { percentile: 50 }, max: 1 }],
    [{ after: '300ms' }, { after: { time: 300 }, max: 1 }],
    [{ after: 300 }, { after: { time: 300 }, max: 1 }],
    [{ after: '1.5s' }, { after: { time: 1_500 }, max: 1 }],
  ])('%j', (hedge, resolved) => {
    expect(one({}, { hedge }).route?.hedge).toEqual(resolved)
  })
})

describe('what routes and backends inherit', () => {
  it('timeouts: of the route, then of the backend, then of the policy', () => {
    const { backend, route, timeouts } = one(
      { timeouts: { connect: '3s', response: '2s', idle: 3 } },
      { timeouts: { response: '1s', idle: undefined } },
      { timeouts: { idle: 4, total: '1m' } },
    )
    const rest = { load: 120_000, total: 60_000 }
    expect(route?.timeouts.get('ml')).toEqual({ connect: 3_000, response: 1_000, idle: 3, ...rest })
    expect(backend?.timeouts).toEqual({ connect: 3_000, response: 2_000, idle: 3, ...rest })
    expect(timeouts).toEqual({ connect: 2_000, response: 600_000, idle: 4, ...rest })
  })

  it('the longest time to connect of all routes is that of the connections of a backend', () => {
    expect(one({ timeouts: { connect: 5 } }, { timeouts: { connect: 7 } }).backend?.connectTimeout).toBe(7)
    expect(one({ timeouts: { connect: 9 } }, {}).backend?.connectTimeout).toBe(9)
  })

  it('health and heartbeats: member by member, unless they are off', () => {
    const health = { interval: '1m', rise: 7 }
    expect(one({ health: { rise: 1 } }, {}, { health }).backend?.check).toEqual({
      mode: 'always',
      path: '/ping',
      interval: 60_000,
      timeout: 2_000,
      rise: 1,
      fall: 3,
    })
    expect(one({}, {}, { health: false }).backend?.check).toBeUndefined()
    expect(one({ health: {} }, {}, { health: false }).backend?.check).toMatchObject({ rise: 2 })
    expect(one({ health: false }).backend?.check).toBeUndefined()
    const { route, heartbeats } = one({}, { heartbeat: { every: '5s' } }, { heartbeat: { after: '7s' } })
    expect([route?.heartbeats, heartbeats]).toEqual([
      { after: 7_000, every: 5_000 },
      { after: 7_000, every: 30_000 },
    ])
  })

  it('retries', () => {
    const retries = (own: number | undefined, general: number | undefined) =>
      one({}, { retries: own }, { retries: general }).route?.retries
    expect([retries(0, 5), retries(undefined, 5), retries(undefined, undefined)]).toEqual([0, 5, 3])
  })
})

describe('a backend', () => {
  it('has its headers in lower case, with its credentials', () => {
    const headers = { 'X-Key': 'k' }
    expect(one({ headers, auth: { bearer: 't' } }).backend?.headers).toEqual({
      'x-key': 'k',
      authorization: 'Bearer t',
    })
  })

  it('has TLS settings of Node, and none that is not set', () => {
    const tls = { servername: 'ml.example', ca: undefined, insecure: true }
    expect(one({ url: 'https://ml', tls }).backend?.tls).toStrictEqual({
      servername: 'ml.example',
      rejectUnauthorized: false,
    })
    expect(one({ url: 'https://ml', tls: {} }).backend?.tls).toStrictEqual({})
  })

  it.each<[BackendOptions['discover'], object | undefined]>([
    [undefined, undefined],
    ['dns', { names: ['ml'], services: [], port: 3003, interval: 10_000 }],
    [{}, { names: ['ml'], services: [], port: 3003, interval: 10_000 }],
    [
      { srv: '_a._tcp.ml', interval: '1m' },
      { names: [], services: ['_a._tcp.ml'], port: 3003, interval: 60_000 },
    ],
    [{ names: ['a', 'b'] }, { names: ['a', 'b'], services: [], port: 3003, interval: 10_000 }],
  ])('is discovered by %j', (discover, resolved) => {
    expect(one({ discover }).backend?.discover).toEqual(resolved)
  })

  it('has the port of its scheme', () => {
    expect(one({ url: 'https://ml', discover: 'dns' }).backend?.discover?.port).toBe(443)
    expect(one({ url: 'http://ml', discover: 'dns' }).backend?.discover?.port).toBe(80)
  })

  it('has numbers for words', () => {
    expect(one({ maxConcurrent: 'unlimited' }).backend).toMatchObject({
      maxConcurrent: Number.POSITIVE_INFINITY,
      reserve: 0,
    })
    expect(one({ reserve: '25%' }).backend).toMatchObject({ maxConcurrent: 'auto', reserve: { share: 0.25 } })
  })
})

describe('functions', () => {
  it('stay as they are, in their routes', () => {
    const [match, strategy] = [
      () => true,
      () => ({
        rank: () => {
          throw new Error('unused')
        },
      }),
    ]
    const { routes, written } = resolvePolicy({
      backends: { a: { url: 'http://a' } },
      routes: [
        { match, backends: ['a'] },
        { backends: ['a'], strategy },
      ],
    })
    expect(routes).toMatchObject([
      { match, strategy: 'peak-ewma' },
      { match: undefined, strategy },
    ])
    expect(written.routes).toMatchObject([{ match }, { strategy }])
  })
})

describe('the parts of a configuration', () => {
  const config: RouterConfig = {
    backends: { ml: { url: 'http://ml' } },
    path: '/ml/',
    maxBodySize: Number.POSITIVE_INFINITY,
    upstreamHeader: 'X-Upstream',
    limits: { parts: 7 },
  }

  it('are what they are on their own', () => {
    const { paths, policy, exchange, forward } = resolveConfig(config)
    expect(paths).toEqual(['/ml'])
    expect(policy).toEqual(resolvePolicy({ backends: config.backends }))
    expect(exchange).toEqual(resolveExchange({ maxBodySize: 'unlimited', limits: { parts: 7 } }))
    expect(exchange).toMatchObject({
      maxBodySize: Number.POSITIVE_INFINITY,
      limits: { parts: 7, entries: 64 },
    })
    expect(forward).toEqual(resolveForward({ upstreamHeader: 'x-upstream' }))
  })

  it('are written as they were, in a copy', () => {
    const { written } = resolveConfig(config)
    expect(written).toEqual({
      policy: { backends: { ml: { url: 'http://ml' } } },
      exchange: { maxBodySize: 'unlimited', limits: { parts: 7 } },
      forward: { upstreamHeader: 'X-Upstream' },
      modules: {},
    })
    expect(written.policy.backends).not.toBe(config.backends)
    expect(parsePolicy(written.policy)).toEqual(written.policy)
  })

  it('have one route to every backend when none is written', () => {
    const { routes } = resolvePolicy({ backends: { a: { url: 'http://a' }, b: { url: 'http://b' } } })
    expect(routes).toMatchObject([{ backends: ['a', 'b'], match: undefined, spill: false }])
  })
})
