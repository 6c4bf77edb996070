import { describe, expect, it, onTestFinished } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { keysOf } from '../../../../test/support/job-keys.ts'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import { until } from '../../../../test/support/servers.ts'
import type { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classified } from '../classify/classification.ts'
import type { BackendOptions, Policy, Route } from '../config/policy.ts'
import { ConfigError } from '../config/problems.ts'
import type { BackendEvent, SelectEnvironment } from '../router/policy-runtime.ts'
import { selectBackend } from '../router/select-backend.ts'
import { isProven } from './assess.ts'
import type { SelectOptions } from './select-options.ts'

const image = classified('image', 'clip/visual')
const search = classified('text', 'clip/textual')
const ocr = classified('image', 'ocr/visual')

/** Backends by their names, with one slot each and no probes, and one route to all of them. */
function policy(
  backends: Readonly<Record<string, Partial<BackendOptions>>>,
  route: Partial<Route> = {},
  rest: Partial<Policy> = {},
): Policy {
  return {
    backends: Object.fromEntries(
      Object.entries(backends).map(([name, options]) => [
        name,
        { url: `http://${name}`, maxConcurrent: 1, ...options },
      ]),
    ),
    routes: [{ name: 'all', backends: Object.keys(backends), strategy: 'first', ...route }],
    health: false,
    hold: false,
    ...rest,
  }
}

const hold = (time: string) => ({ hold: time })

function start(first: Policy, environment: SelectEnvironment = {}) {
  const clock = new FakeClock()
  const events: BackendEvent[] = []
  const holds: string[] = []
  const select = selectBackend(first, {
    clock,
    onBackendChange: (event) => events.push(event),
    onHold: ({ kind, route, held }) => holds.push(`${kind} ${route} ${held}`),
    ...environment,
  })
  /** What has become of each request, by its name. */
  const became: Record<string, string> = {}
  const told: string[] = []
  const send = (name: string, it: Classified = image, options: SelectOptions = {}) => {
    const selecting = select(it, options)
    selecting.then(
      ({ backend, route }) => {
        became[name] = `${backend.url} by ${route}`
        told.push(name)
      },
      (error) => {
        became[name] = String(error.code ?? error)
      },
    )
    return selecting
  }
  const server = (name: string): Backend => {
    const found = select.backends().find((backend) => backend.name === name)
    if (found === undefined) throw new Error(`there is no ${name}`)
    return found
  }
  const eject = (name: string) => {
    for (let i = 0; i < 3; i++) server(name).reserve().release(failed('connect'))
  }
  const waiting = () => select.backends().map(({ name, demand: { waiting } }) => `${name} ${waiting}`)
  onTestFinished(() => {
    select.close()
    expect(clock.pending).toBe(0)
  })
  return { clock, select, events, holds, became, told, send, server, eject, waiting }
}

describe('a backend that remains', () => {
  it('keeps its state, and takes over its settings', async () => {
    const { select, server, eject, clock } = start(policy({ a: { maxConcurrent: 'auto' }, b: {}, c: {} }))
    const [a, b, c] = [server('a'), server('b'), server('c')]
    const slot = a.reserve(keysOf('clip/visual'), 'clip/visual/m')
    clock.advance(30)
    slot.release(answered)
    const lease = await select(image)
    eject('b')
    select.drain('c').catch(() => {})
    select.reload(
      policy({
        c: { weight: 3 },
        a: { maxConcurrent: 'auto', tier: 2, tasks: ['clip'], timeouts: { connect: 7 } },
        b: { maxConcurrent: 5, reserve: 2 },
      }),
    )
    expect(select.backends()).toEqual([c, a, b])
    expect([a.inFlight, a.tier, a.target.connectTimeout]).toEqual([1, 2, 7])
    expect(a.latency.all).toEqual({ 'clip/visual/m': 30 })
    expect([a.serves(['clip']), a.serves(['ocr'])]).toEqual([true, false])
    expect(b.health.obstacle(keysOf())?.kind).toBe('ejected')
    expect([b.limit.current, b.limit.hasSlot(false)]).toEqual([5, true])
    expect([c.health.status.enabled, c.weight]).toEqual([false, 3])
    lease.release(answered)
    expect(a.inFlight).toBe(0)
  })

  it('keeps what it has learned of its limit, unless that is given now', () => {
    const { select, server, clock } = start(policy({ a: { maxConcurrent: 'auto' } }))
    const work = () => {
      for (let i = 0; i < 200; i++) {
        const slots = Array.from({ length: server('a').limit.current }, () =>
          server('a').reserve(undefined, 'job'),
        )
        clock.advance(100)
        for (const { release } of slots) release(answered)
      }
    }
    work()
    const learned = server('a').limit.current
    expect(learned).toBeGreaterThan(4)
    select.reload(policy({ a: { maxConcurrent: 'auto', weight: 2 } }))
    expect(server('a').limit.current).toBe(learned)
    select.reload(policy({ a: { maxConcurrent: 3 } }))
    expect(server('a').limit.current).toBe(3)
  })

  it('may have other credentials, which are no other server', async () => {
    const { select, server } = start(policy({ a: { url: 'http://u:old@a/ml' } }))
    const a = server('a')
    const old = a.target.headers()
    select.reload(policy({ a: { url: 'http://u:new@a/ml/' } }))
    expect(server('a')).toBe(a)
    expect([old, a.target.headers()]).toEqual(
      ['u:old', 'u:new'].map((it) => ({ authorization: `Basic ${Buffer.from(it).toString('base64')}` })),
    )
  })

  it('is probed as it is told to from then on, and what is known stays', async () => {
    const { select, server, clock } = start(policy({ a: {} }, {}, { health: { interval: '10s', fall: 1 } }))
    const asked: string[] = []
    select.start(async ({ name }, { path }) => {
      asked.push(`${name}${path}`)
      return path === '/ping' ? 'no' : undefined
    })
    await settled()
    expect(server('a').health.obstacle(keysOf())?.kind).toBe('down')
    select.reload(policy({ a: {}, b: {} }, {}, { health: { path: '/well', rise: 1 } }))
    expect(server('a').health.obstacle(keysOf())?.kind).toBe('down')
    await settled()
    expect(asked).toEqual(['a/ping', 'a/well', 'b/well'])
    expect(server('a').health.status.probe?.kind).toBe('up')
    select.reload(policy({ a: {}, b: {} }))
    clock.advance(60_000)
    await settled()
    expect([asked.length, server('a').health.status.probe, clock.pending]).toEqual([3, undefined, 0])
    select.reload(policy({ a: {}, b: {} }, {}, { health: {} }))
    await settled()
    expect(asked.slice(3)).toEqual(['a/ping', 'b/ping'])
  })

  it('is asked as often as somebody who waits for it needs, also when it was not asked before', async () => {
    const { select, send, eject, clock } = start(policy({ a: {} }, hold('1h')))
    let asked = 0
    select.start(async () => {
      asked++
      return 'no'
    })
    eject('a')
    send('waits').catch(() => {})
    select.reload(policy({ a: {} }, hold('1h'), { health: { interval: '1h', fall: 1 } }))
    for (let i = 0; i < 10; i++) {
      clock.advance(1_000)
      await settled()
    }
    expect(asked).toBeGreaterThan(4)
  })

  it('is woken as often as is said now', async () => {
    const waking = (every: string) => ({
      a: { wake: { mac: 'aa:bb:cc:dd:ee:ff', broadcast: '127.0.0.1', every } },
    })
    const health = { health: { fall: 1 } }
    const { select, send, clock, events } = start(policy(waking('1h'), hold('1h'), health))
    const packets = () => events.filter(({ kind }) => kind === 'wanted').length
    select.start(async () => 'no')
    await settled()
    send('waits').catch(() => {})
    await until(() => packets() === 1, 'it is woken')
    clock.advance(20_000)
    select.reload(policy(waking('10s'), hold('1h'), health))
    await until(() => packets() === 2, 'it is woken again')
    clock.advance(10_000)
    await until(() => packets() === 3, 'it is woken a third time')
  })

  it('keeps its endpoints, their shares and its discovery', async () => {
    const resolver = new FakeResolver({ a: ['10.0.0.1'], b: ['10.0.0.2'], c: ['10.0.0.3'] })
    const records = (...names: string[]) =>
      names.map((name, i) => ({ name, port: 80, priority: 0, weight: 1 + 2 * i }))
    resolver.records = { service: records('a', 'b') }
    const ml = (interval: string, weight: number) => ({
      url: 'http://ml',
      discover: { srv: 'service', interval },
      weight,
    })
    const { select, clock } = start(policy({ ml: ml('10s', 1) }), { resolver })
    select.start(async () => undefined)
    await settled()
    const [one, two] = select.backends()
    expect([one?.weight, two?.weight]).toEqual([0.5, 1.5])
    select.reload(policy({ ml: ml('2s', 4) }))
    expect(select.backends()).toEqual([one, two])
    expect([one?.weight, two?.weight, resolver.asked.length]).toEqual([2, 6, 3])
    resolver.records = { service: records('b', 'c') }
    for (const pause of [1_000, 2_000]) {
      clock.advance(pause)
      await settled()
    }
    expect(select.backends().map(({ endpoint, weight }) => [endpoint, weight])).toEqual([
      ['10.0.0.2:80', 2],
      ['10.0.0.3:80', 6],
    ])
  })
})

describe('a backend that goes', () => {
  it.each([
    ['is in the policy no more', { b: {} }],
    ['has another URL', { a: { url: 'http://other' }, b: {} }],
  ])('since it %s gets nothing more, finishes what it has, and is let go', async (_, next) => {
    const { select, server, events, clock } = start(policy({ a: {}, b: {} }, {}, { health: {} }))
    const probed: string[] = []
    select.start(async ({ url }) => {
      probed.push(url)
      return undefined
    })
    await settled()
    const lease = await select(image)
    const old = server('a')
    const gone: string[] = []
    old.target.onClose(() => gone.push(old.url))
    select.reload(policy(next, {}, { health: {} }))
    expect([lease.backend === old, old.target.isLeaving, select.leaving()]).toEqual([true, true, [old]])
    const other = await select(image)
    expect(other.backend.url).not.toBe('http://a')
    probed.length = 0
    clock.advance(60_000)
    await settled()
    expect(probed).not.toContain('http://a')
    expect(gone).toEqual([])
    lease.release(answered)
    await settled()
    expect([gone, select.leaving()]).toEqual([['http://a'], []])
    const [removed, added] = events.filter((event) => 'url' in event)
    expect(removed).toMatchObject({ kind: 'removed', backend: 'a', url: 'http://a' })
    if ('a' in next) expect(added).toMatchObject({ kind: 'added', backend: 'a', url: 'http://other' })
    other.release()
  })

  it('and comes back while something runs there is the same again', async () => {
    const { select, server, clock } = start(policy({ a: {}, b: {} }, {}, { health: {} }))
    select.start(async () => undefined)
    await settled()
    const a = server('a')
    const lease = await select(image)
    select.reload(policy({ b: {} }))
    select.reload(policy({ a: { weight: 2 }, b: {} }, {}, { health: {} }))
    await settled()
    expect([server('a') === a, a.target.isLeaving, a.inFlight, a.weight]).toEqual([true, false, 1, 2])
    expect([select.leaving(), a.health.status.probe?.kind]).toEqual([[], 'up'])
    lease.release(answered)
    await settled()
    expect(a.target.isLeaving).toBe(false)
    select.reload(policy({ b: {} }))
    await settled()
    expect([select.leaving(), clock.pending]).toEqual([[], 0])
  })

  it('ends its discovery, which begins again with it', async () => {
    const resolver = new FakeResolver({ ml: ['10.0.0.1'] })
    const ml = { url: 'http://ml', discover: 'dns' as const }
    const { select, clock } = start(policy({ ml, b: {} }), { resolver })
    select.start(async () => undefined)
    await settled()
    const [endpoint] = select.backends()
    const lease = await select(image)
    select.reload(policy({ b: {} }))
    clock.advance(60_000)
    await settled()
    expect([resolver.asked.length, select.leaving()]).toEqual([1, [endpoint]])
    select.reload(policy({ ml, b: {} }))
    await settled()
    expect([resolver.asked.length, select.backends()[0]]).toEqual([2, endpoint])
    lease.release(answered)
    select.reload(policy({ b: {} }))
    await settled()
    expect([select.leaving(), clock.pending]).toEqual([[], 0])
  })
})

describe('a policy with mistakes', () => {
  it.each<[string, unknown]>([
    ['of a name', policy({ a: {}, b: {} }, { backends: ['a', 'bb'] })],
    ['of a strategy', policy({ b: {} }, { strategy: () => Object.create(null) })],
    ['which is none', undefined],
  ])('changes nothing: a mistake %s', async (_, next) => {
    const { select, send, server, events, holds, became } = start(policy({ a: {} }))
    const a = server('a')
    const lease = await send('first')
    const second = send('second')
    expect(() => select.reload(next as Policy)).toThrow(ConfigError)
    expect([select.backends(), a.inFlight, select.held()]).toEqual([[a], 1, { all: 1 }])
    expect([events, holds]).toEqual([[], ['held all 1']])
    lease.release(answered)
    await second
    expect(became['second']).toBe('http://a by all')
  })

  it('names every mistake', () => {
    const { select } = start(policy({ a: {} }))
    const next = policy({ a: { weight: -1 } }, { backends: ['a', 'bb'] }, { retries: -1 })
    expect(() => select.reload(next)).toThrow('The configuration has 3 mistakes')
  })

  it('is not looked at by a policy that is closed', () => {
    const { select } = start(policy({ a: {} }))
    select.close()
    expect(() => select.reload(policy({ b: {} }))).toThrow(expect.objectContaining({ code: 'router-closed' }))
  })
})

describe('a request that runs', () => {
  it('looks at the new policy for what comes after', async () => {
    const { select } = start(policy({ a: {}, b: {} }, { retries: 0 }))
    const lease = await select(image)
    expect([lease.retries, lease.holds, lease.left([lease.backend.id])]).toEqual([0, false, 1])
    const next = policy({ c: {}, d: {}, e: {} }, { retries: 2, hold: '1h', name: 'new' })
    select.reload(next)
    expect([lease.retries, lease.holds, lease.left([lease.backend.id])]).toEqual([2, true, 3])
    expect([lease.route, lease.usableOthers([]).some(isProven)]).toEqual(['all', true])
    lease.release(failed('reset'))
    const another = await select(image, { exclude: [lease.backend.id], place: lease.place, retry: true })
    expect([another.backend.name, another.route]).toEqual(['c', 'new'])
    another.release()
  })

  it('may go to the server that has the name of its own now', async () => {
    const { select } = start(policy({ a: {} }))
    const lease = await select(image)
    select.reload(policy({ a: { url: 'http://other' } }))
    expect(lease.left([lease.backend.id])).toBe(1)
    const another = await select(image, { exclude: [lease.backend.id], place: lease.place })
    expect(another.backend.url).toBe('http://other')
    for (const { release } of [lease, another]) release()
  })

  it('has further copies on the backends that there are now, if its route still has any', async () => {
    const { select } = start(policy({ a: {}, b: {} }, { hedge: {} }))
    const lease = await select(image)
    select.reload(policy({ a: {}, c: {} }, { hedge: {} }))
    const spare = lease.hedge?.spare([lease.backend.id])
    expect(spare?.backend.name).toBe('c')
    spare?.release()
    select.reload(policy({ a: {}, c: {} }))
    expect(lease.hedge?.spare([lease.backend.id])).toBeUndefined()
    lease.release()
  })
})

describe('a request that waits', () => {
  it('goes to a new backend at once, in the order in which it came', async () => {
    const { select, send, eject, told, became, waiting, holds } = start(policy({ a: {} }, hold('1h')))
    eject('a')
    const waits = ['one', 'two', 'three'].map((name) => send(name))
    expect([select.held(), waiting()]).toEqual([{ all: 3 }, ['a 3']])
    select.reload(policy({ b: {} }, { ...hold('1h'), name: 'new' }))
    await settled()
    expect([select.held(), waiting()]).toEqual([{ new: 2 }, ['b 2']])
    for (const lease of waits) (await lease).release(answered)
    expect(told).toEqual(['one', 'two', 'three'])
    expect(Object.values(became)).toEqual(Array(3).fill('http://b by new'))
    expect([select.held(), waiting()]).toEqual([{}, ['b 0']])
    expect(holds.slice(-3)).toEqual(['released new 2', 'released new 1', 'released new 0'])
  })

  it('goes by the route that takes it then, and is as urgent as there', async () => {
    const routed = (routes: Route[]): Policy => ({ ...policy({ a: {}, b: { tasks: ['ocr'] } }), routes })
    const { select, send, server, told, became } = start(
      routed([{ name: 'all', backends: ['a'], strategy: 'first' }]),
    )
    const busy = await select(image)
    const waits = [send('image'), send('ocr', ocr), send('search', search)]
    expect([select.held(), server('a').demand.waiting]).toEqual([{ all: 3 }, 3])
    select.reload(
      routed([
        { name: 'ocr', match: { task: 'ocr' }, backends: ['b'] },
        { name: 'rest', backends: ['a'], strategy: 'first', priority: 'bulk' },
      ]),
    )
    await settled()
    expect([became, select.held()]).toEqual([{ ocr: 'http://b by ocr' }, { rest: 2 }])
    expect([server('a').demand.waiting, server('b').demand.waiting]).toEqual([2, 0])
    busy.release(answered)
    for (const lease of waits) (await lease).release(answered)
    expect(told).toEqual(['ocr', 'image', 'search'])
  })

  it.each<[string, Partial<Route>]>([
    ['holds no more', {}],
    ['holds for a shorter time', hold('1m')],
  ])('waits on for as long as it would have when its route %s', async (_, route) => {
    const { select, send, eject, clock, became } = start(policy({ a: {} }, hold('1h')))
    eject('a')
    send('waits').catch(() => {})
    send('leaves').catch(() => {})
    clock.advance(1_000)
    select.reload(policy({ a: {}, b: { tasks: ['ocr'] } }, route))
    select.drain('a').catch(() => {})
    clock.advance(3_597_000)
    expect(select.held()).toEqual({ all: 2 })
    clock.advance(3_000)
    await settled()
    expect([became, select.held()]).toEqual([{ waits: 'hold-expired', leaves: 'hold-expired' }, {}])
  })

  it('waits for longer when its route does, and keeps that through the next reload', async () => {
    const { select, send, eject, clock, became } = start(policy({ a: {} }, hold('1m')))
    eject('a')
    select.drain('a').catch(() => {})
    send('waits').catch(() => {})
    select.reload(policy({ a: {} }, hold('2m')))
    select.reload(policy({ a: {} }))
    clock.advance(119_000)
    await settled()
    expect([became, select.held()]).toEqual([{}, { all: 1 }])
    clock.advance(1_000)
    await settled()
    expect(became).toEqual({ waits: 'hold-expired' })
  })

  it('waits again as it did when the backend that it got fails', async () => {
    const { select, send, eject, clock, became } = start(policy({ a: {} }, hold('1h')))
    eject('a')
    const waits = send('first')
    select.reload(policy({ a: {} }))
    clock.advance(6_000)
    const lease = await waits
    expect([lease.trial, lease.holds]).toEqual([true, true])
    lease.release(failed('connect'))
    send('again', image, { place: lease.place, avoid: [lease.backend.id] }).catch(() => {})
    await settled()
    expect([became['again'], select.held()]).toEqual([undefined, { all: 1 }])
  })

  it('is sent away at once when nothing could ever serve it', async () => {
    const { select, send, eject, became } = start(policy({ a: {} }, hold('1h')))
    eject('a')
    send('image').catch(() => {})
    send('ocr', ocr).catch(() => {})
    select.reload(policy({ a: { tasks: ['clip'] } }, hold('1h')))
    await settled()
    expect([became, select.held()]).toEqual([{ ocr: 'no-backend-available' }, { all: 1 }])
  })

  it('is not sent away for there being many, and counts among them', async () => {
    const { select, send, server, became } = start(policy({ a: {} }))
    const busy = await select(image)
    const waits = [send('one'), send('two')]
    select.reload(policy({ a: {} }, {}, { queue: { maxLength: 1 } }))
    await expect(send('three')).rejects.toMatchObject({ code: 'queue-full' })
    expect(select.held()).toEqual({ all: 2 })
    const hold = { bulk: '1h', maxHeld: 1 }
    select.reload(policy({ a: {} }, { hold }, { queue: { maxLength: 3 } }))
    const fourth = send('four')
    await expect(send('five')).rejects.toMatchObject({ code: 'queue-full' })
    expect([select.held(), server('a').demand.waiting]).toEqual([{ all: 3 }, 3])
    busy.release(answered)
    for (const lease of [...waits, fourth]) (await lease).release(answered)
    expect([select.held(), server('a').demand.waiting, Object.keys(became).length]).toEqual([{}, 0, 5])
  })

  it('wants a machine that it has not wanted before, and the old one no more', () => {
    const wanted: string[] = []
    const { select, send, eject } = start(policy({ a: {}, b: {} }, { ...hold('1h'), backends: ['a'] }), {
      onUnavailable: ({ name }) => wanted.push(name),
    })
    eject('a')
    eject('b')
    send('waits').catch(() => {})
    expect(wanted).toEqual(['a'])
    select.reload(policy({ a: {}, b: {} }, { ...hold('1h'), backends: ['b'] }))
    expect(wanted).toEqual(['a', 'b'])
  })

  it('leaves, when its client does, whatever its route is by then', async () => {
    const { select, send, eject, server, became } = start(policy({ a: {} }, hold('1h')))
    eject('a')
    const client = new AbortController()
    send('waits', image, { signal: client.signal }).catch(() => {})
    select.reload(policy({ a: {} }, { ...hold('2h'), name: 'other' }))
    client.abort(new Error('left'))
    await settled()
    expect([became, select.held(), server('a').demand.waiting]).toEqual([{ waits: 'Error: left' }, {}, 0])
  })

  it('fails alone when the match of a route that was written in code does', async () => {
    const { select, send, became, server } = start(policy({ a: {} }))
    const busy = await select(image)
    const waits = send('image')
    send('ocr', ocr).catch(() => {})
    const match = ({ tasks }: Classified) => {
      if (tasks.includes('ocr')) throw new Error('a mistake')
      return false
    }
    select.reload({ ...policy({ a: {} }), routes: [{ match, backends: ['a'] }, { backends: ['a'] }] })
    busy.release(answered)
    ;(await waits).release(answered)
    await settled()
    expect([became, select.held()]).toEqual([{ image: 'http://a by default', ocr: 'Error: a mistake' }, {}])
    expect([server('a').inFlight, server('a').demand.waiting]).toEqual([0, 0])
  })

  it('keeps the turn of its client', async () => {
    const { select, send, told } = start(policy({ a: {} }))
    const busy = await select(image)
    const waits = ['x1', 'x2', 'y1', 'x3'].map((name) => send(name, image, { client: name.slice(0, 1) }))
    const next = async (lease: { release(outcome: Outcome): void }) => {
      lease.release(answered)
      await settled()
    }
    await next(busy)
    select.reload(policy({ a: {} }, { name: 'other' }))
    for (const name of ['x1', 'y1', 'x2', 'x3']) {
      expect(told.at(-1)).toBe(name)
      await next(await (waits[['x1', 'x2', 'y1', 'x3'].indexOf(name)] ?? Promise.reject(new Error(name))))
    }
  })
})

describe('a listener', () => {
  it('that reloads is told of both, in their order', () => {
    let depth = 0
    const urls: string[] = []
    const { select } = start(policy({ a: {} }), {
      onBackendChange: (event) => {
        if ('url' in event) urls.push(`${event.kind} ${event.url}`)
        if (event.kind === 'removed' && depth++ === 0) select.reload(policy({ c: {} }))
      },
    })
    select.reload(policy({ b: {} }))
    expect(select.backends().map(({ name }) => name)).toEqual(['c'])
    expect(urls.sort()).toEqual(['added http://b', 'added http://c', 'removed http://a', 'removed http://b'])
  })

  it('that reloads when a backend is wanted has the request that wants it wait for another', async () => {
    const { select, send, eject, became } = start(policy({ a: {} }), {
      onUnavailable: ({ name }) => {
        if (name === 'a') select.reload(policy({ b: {} }))
      },
    })
    const running = await select(image)
    eject('a')
    ;(await send('second')).release(answered)
    expect(became).toEqual({ second: 'http://b by all' })
    running.release(answered)
  })
})

describe('turns', () => {
  it('go on where the route has the same name and strategy', async () => {
    const { select } = start(policy({ a: {}, b: {} }, { strategy: 'round-robin' }))
    const next = async () => {
      const { backend, release } = await select(image)
      release(answered)
      return backend.name
    }
    expect(await next()).toBe('a')
    select.reload(policy({ a: {}, b: {}, c: {} }, { strategy: 'round-robin' }))
    expect([await next(), await next(), await next()]).toEqual(['b', 'c', 'a'])
  })
})

describe('what is told to be different', () => {
  it('is told by name', () => {
    const before = policy({ a: {}, b: {}, c: {}, d: {} }, { name: 'one' }, { retries: 1 })
    const { select } = start(before)
    const [route] = before.routes ?? []
    const images = { name: 'images', match: { input: 'image' as const }, backends: ['c'] }
    const after = policy(
      { a: {}, b: { weight: 2 }, c: { url: 'http://other' }, e: {} },
      {},
      { queue: { maxLength: 3 } },
    )
    const routes = [images, ...(route === undefined ? [] : [{ ...route, backends: ['a'] }])]
    const changes = select.reload({ ...after, routes })
    expect(changes).toEqual({
      backends: { added: ['e'], removed: ['d'], changed: ['b'], replaced: ['c'] },
      routes: { added: ['images'], removed: [], changed: ['one'], reordered: false },
      options: ['queue', 'retries'],
    })
  })

  it('is nothing when nothing is, and not hidden by who changes what was given', () => {
    const mine = { a: { url: 'http://a', weight: 1 } }
    const { select } = start({ backends: mine })
    const nothing = {
      backends: { added: [], removed: [], changed: [], replaced: [] },
      routes: { added: [], removed: [], changed: [], reordered: false },
      options: [],
    }
    expect(select.reload({ backends: mine })).toEqual(nothing)
    mine.a.weight = 2
    expect(select.reload({ backends: mine }).backends.changed).toEqual(['a'])
    const match = () => true
    const routes = [{ match, backends: ['a'] }, { backends: ['a'] }]
    select.reload({ backends: mine, routes })
    expect(select.reload({ backends: mine, routes })).toEqual(nothing)
    const others = [{ match: () => true, backends: ['a'] }, { backends: ['a'] }]
    expect(select.reload({ backends: mine, routes: others }).routes.changed).toEqual(['function'])
  })
})
