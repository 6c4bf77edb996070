import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { settled } from '../../../../test/support/fake-resolver.ts'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import { hold, image, policy, start } from '../../../../test/support/reloaded-policy.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classified } from '../classify/classification.ts'
import type { Policy, Route } from '../config/policy.ts'
import { ConfigError } from '../config/problems.ts'
import { isProven } from './assess.ts'

const search = classified('text', 'clip/textual')

const ocr = classified('image', 'ocr/visual')

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
    const waits = ['x1', 'x2', 'y1', 'x3'].map((name) =>
      send(name, image, { request: { client: name.slice(0, 1) } }),
    )
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
