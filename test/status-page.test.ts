import { createRequire } from 'node:module'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createRouter } from '@immich-ml-router/core'
import { immichBody } from '@immich-ml-router/core/testing'
import { type Report, statusPage } from '@immich-ml-router/status-page'
import type express from 'express'
import type Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaults } from '../packages/status-page/src/defaults.ts'
import { post } from './support/client.ts'
import { eventStream } from './support/event-stream.ts'
import { search, serve } from './support/served-page.ts'
import { listen, until } from './support/servers.ts'

describe('the page', () => {
  it('is one document with a strict content security policy', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}/_router`)
    const html = await response.text()
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(html).toMatch(/^<!doctype html>/)
    expect(Buffer.byteLength(html)).toBeLessThan(150_000)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/]+=*'; style-src 'sha256-[\w+/]+=*';/,
    )
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    expect((await fetch(`${url}/_router/`)).status).toBe(200)
  })

  it.each([
    ['HEAD', '/_router', 200, undefined],
    ['HEAD', '/_router/events', 200, undefined],
    ['HEAD', '/_router/status.json', 200, undefined],
    ['POST', '/_router/status.json', 405, 'GET, HEAD'],
    ['POST', '/_router', 405, 'GET, HEAD'],
    ['OPTIONS', '/_router', 405, 'GET, HEAD'],
    ['PUT', '/_router/events', 405, 'GET, HEAD'],
    ['GET', '/_router/backends/gpu/drain', 405, 'POST'],
    ['GET', '/_router/backends/gpu/explode', 404, undefined],
    ['GET', '/_router/else', 404, undefined],
    ['GET', '/_router?x=1', 200, undefined],
  ])('answers %s %s with %d', async (method, path, status, allow) => {
    const { url } = await serve()
    const response = await fetch(url + path, { method })
    expect([response.status, response.headers.get('allow') ?? undefined]).toEqual([status, allow])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    if (method === 'HEAD') expect(await response.text()).toBe('')
    else await response.body?.cancel()
  })

  it('has the whole report as JSON, made at most once per interval', async () => {
    const { url, clock } = await serve()
    const read = async () => {
      const response = await fetch(`${url}/_router/status.json`)
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
      return (await response.json()) as Report
    }
    const { events } = await eventStream(`${url}/_router/events`, (data): Report => JSON.parse(data))
    await until(() => events.length === 1, 'the stream begins')
    const { wall, ...first } = await read()
    expect(first).toEqual({ ...events[0], wall: undefined })
    expect(first).toMatchObject({ whole: true, backends: [{ name: 'gpu' }], decisions: [] })
    await post(url, search)
    expect((await read()).wall).toBe(wall)
    clock.advance(defaults.interval)
    expect((await read()).decisions).toMatchObject([{ fate: 'answered' }])
  })

  it('passes requests outside its path to the router', async () => {
    const { url } = await serve()
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
    expect((await fetch(`${url}/_routers`)).status).toBe(404)
    expect((await post(url, search)).status).toBe(200)
  })

  it('answers 404 outside its path without a next handler', async () => {
    const router = createRouter({ backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
    onTestFinished(() => router.close())
    const { url } = await listen(statusPage(router, { basePath: '/status/' }))
    expect([(await fetch(`${url}/status`)).status, (await fetch(url)).status]).toEqual([200, 404])
  })

  it('can be mounted by a framework', async () => {
    const { router } = await serve()
    const page = statusPage(router, { basePath: '' })
    const makeApp: typeof express = createRequire(import.meta.url)('express5')
    const app = makeApp()
    app.use('/inside', page)
    const { url } = await listen(app)
    expect((await fetch(`${url}/inside`)).status).toBe(200)
    const { events } = await eventStream(`${url}/inside/events`, JSON.parse)
    await until(() => events.length === 1, 'it gets a report')
    page.close()
  })

  it('can be mounted by Koa as in the docs', async () => {
    const { router } = await serve()
    const page = statusPage(router)
    const makeApp: typeof Koa = createRequire(import.meta.url)('koa3')
    const app = new makeApp()
    app.use((ctx, next) => {
      if (!ctx.path.startsWith('/_router')) return next()
      ctx.respond = false
      return page(ctx.req, ctx.res)
    })
    const { url } = await listen(app.callback())
    expect((await fetch(`${url}/_router`)).status).toBe(200)
    expect((await fetch(`${url}/_router/backends/gpu/drain`, { method: 'POST' })).status).toBe(403)
    const { events } = await eventStream(`${url}/_router/events`, JSON.parse)
    await until(() => events.length === 1, 'it gets a report')
    page.close()
  })

  it.each([{ adminToken: '' }, { adminToken: 'two words' }, { basePath: 'status' }, { basePath: '/a?b' }])(
    'refuses %j',
    async (options) => {
      const { router } = await serve()
      expect(() => statusPage(router, options)).toThrow(RangeError)
    },
  )
})

describe('a viewer', () => {
  it('gets a whole report at first, with earlier requests', async () => {
    const { url, look, clock } = await serve()
    clock.advance(5_000)
    await post(url, search)
    const viewer = await look()
    const first = await viewer.next(() => true, 'it gets a report')
    expect(viewer.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    expect(first).toMatchObject({
      whole: true,
      state: 'running',
      now: 5_000,
      actions: false,
      active: 0,
      windows: { minute: { length: 5_000, fates: { answered: 1 }, latencies: { search: { count: 1 } } } },
      backends: [{ name: 'gpu', health: { state: 'healthy' } }],
      waiting: { count: 0 },
      spans: [{ index: 0, backends: { gpu: { jobs: 1 } } }],
      decisions: [{ id: 1, fate: 'answered', attempts: [{ backend: 'gpu', status: 200 }] }],
    })
  })

  it('gets the changes once a second', async () => {
    const { url, look, clock } = await serve()
    await post(url, search)
    const { events } = await look()
    await until(() => events.length === 1, 'it gets a report')
    for (let i = 0; i < 3; i++) await post(url, search)
    expect(events).toHaveLength(1)
    clock.advance(1_000)
    await until(() => events.length === 2, 'it gets another report')
    expect(events[1]).toMatchObject({ whole: false, decisions: [{ id: 2 }, { id: 3 }, { id: 4 }] })
    clock.advance(1_000)
    await nextTurn()
    expect(events).toHaveLength(2)
  })

  it('gets a report every 5 s without changes', async () => {
    const { look, clock } = await serve()
    const { events } = await look()
    await until(() => events.length === 1, 'it gets a report')
    for (let i = 0; i < 10; i++) clock.advance(1_000)
    await until(() => events.length === 3, 'it gets two more reports')
    expect(events.map(({ now }) => now)).toEqual([0, 5_000, 10_000])
  })

  it('gets the same as all others, whenever it connected', async () => {
    const { url, look, clock } = await serve()
    const [one] = [await look()]
    await until(() => one.events.length === 1, 'the first gets a report')
    await post(url, search)
    const other = await look()
    clock.advance(1_000)
    await until(() => one.events.length === 2 && other.events.length === 2, 'both get a report')
    const ids = ({ events }: typeof one) => events.flatMap(({ decisions }) => decisions.map(({ id }) => id))
    expect([ids(one), new Set(ids(other))]).toEqual([[1], new Set([1])])
  })

  it('needs a timer only while it is connected', async () => {
    const { look, clock } = await serve()
    const own = clock.pending
    const viewers = [await look(), await look()]
    expect(clock.pending).toBe(own + 1)
    for (const viewer of viewers) viewer.disconnect()
    await until(() => clock.pending === own, 'the timer is gone')
  })

  it('is disconnected when it does not read; the others are not', async () => {
    const { look, clock, server } = await serve()
    const connections = () => new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
    const [idle, busy] = [await look(), await look()]
    idle.pause()
    await until(
      async () => {
        for (let i = 0; i < 100; i++) clock.advance(defaults.beat)
        return (await connections()) === 1
      },
      'it is disconnected',
      25,
    )
    const before = busy.events.length
    clock.advance(defaults.beat)
    await until(() => busy.events.length > before, 'the other gets reports')
  })

  it('is refused beyond the limit', async () => {
    const { url, look } = await serve()
    for (let i = 0; i < defaults.viewers; i++) await look()
    expect((await fetch(`${url}/_router/events`)).status).toBe(503)
  })

  it('gets the waiting requests, and is disconnected when the router closes', async () => {
    const { url, router, look, clock, stub } = await serve({
      routes: [{ name: 'all', backends: ['gpu'], hold: '12h' }],
    })
    await router.drain('gpu')
    const waiting = post(url, search)
    await until(() => router.status().held['all'] === 1, 'it waits')
    clock.advance(90_000)
    const viewer = await look()
    expect(await viewer.next(() => true, 'it gets a report')).toMatchObject({
      now: 90_000,
      waiting: { count: 1, first: [{ route: 'all', reason: 'unavailable', at: 0, client: '127.0.0.1' }] },
      backends: [{ held: 1, health: { state: 'drained' } }],
    })
    expect(stub.started).toBe(0)
    await router.close()
    expect((await waiting).status).toBe(503)
    await until(() => viewer.ended(), 'it is disconnected')
    expect(viewer.events.at(-1)).toMatchObject({
      state: 'closed',
      decisions: [{ fate: 'refused', status: 503 }],
    })
    expect((await fetch(`${url}/_router/events`)).status).toBe(503)
    expect((await fetch(`${url}/_router`)).status).toBe(200)
  })

  it('never gets credentials', async () => {
    const { url, look } = await serve({
      backends: { gpu: { url: 'http://operator:hunter2@127.0.0.1:9/' } },
      routes: [{ backends: ['gpu'] }],
    })
    await post(url, search, { headers: { authorization: 'Bearer of-the-client' } })
    const viewer = await look()
    await viewer.next(({ decisions }) => decisions.length === 1, 'it gets the request')
    expect(viewer.text()).toContain('failed')
    expect(viewer.text()).not.toMatch(/hunter2|operator|of-the-client/)
  })

  it('gets one line per event, whatever a client has sent', async () => {
    const { url, look } = await serve()
    const name = 'a\n\nevent: x\ndata: {}\r\n\u2028</script><script>alert(1)</script>'
    await post(url, immichBody({ clip: { textual: { modelName: name } } }))
    const { events } = await look()
    await until(() => events.length === 1, 'it gets a report')
    expect(events[0]?.decisions[0]?.job.entries[0]?.model).toBe(name)
  })
})

describe('a closed page', () => {
  it('stops recording, and its router continues', async () => {
    const { page, url, look } = await serve()
    const viewer = await look()
    page.close()
    page.close()
    await until(() => viewer.ended(), 'it is disconnected')
    expect((await post(url, search)).status).toBe(200)
    expect((await fetch(`${url}/_router/events`)).status).toBe(503)
  })
})
