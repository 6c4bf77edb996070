import { describe, expect, it } from 'vitest'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { keysOf } from '../../../../test/support/job-keys.ts'
import { answered } from '../../../../test/support/outcomes.ts'
import { hold, image, policy, start } from '../../../../test/support/reloaded-policy.ts'
import { until } from '../../../../test/support/servers.ts'

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
