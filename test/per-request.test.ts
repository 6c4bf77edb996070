import { type Match, type MatchFunction, type RouterOptions, selectBackend } from '@immich-ml-router/core'
import { logRequests } from '@immich-ml-router/core/logging'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { GOOD_ANSWER, immichBody, multipart } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { classified } from './support/classifications.ts'
import { post } from './support/client.ts'
import { households } from './support/households.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, until } from './support/servers.ts'

const rest = { backends: ['rest'] } as const

describe('a route by header', () => {
  const routes = [
    { match: { header: { 'X-Tenant': 'family' } }, backends: ['family'] },
    { match: { header: { 'x-tenant': ['office', 'studio'] }, task: 'clip' }, backends: ['office'] },
    rest,
  ]

  it('takes the requests with that value, also when their job is not known', async () => {
    const { url, search } = await households(routes)
    const by = (tenant: string) => search('/predict', { 'x-tenant': tenant })
    expect([await by('family'), await by('office'), await by('studio')]).toEqual([
      'family',
      'office',
      'office',
    ])
    expect([await by('Family'), await by('family, office'), await search()]).toEqual(['rest', 'rest', 'rest'])
    const unknown = multipart([{ header: 'text', content: 'cat' }])
    const sent = async (tenant: string) =>
      (await post(url, unknown, { headers: { 'x-tenant': tenant } })).headers['x-immich-ml-backend']
    expect([await sent('family'), await sent('office')]).toEqual(['family', 'rest'])
  })

  it('is explained, in the answer and beforehand', async () => {
    const { url, router } = await households(routes)
    const headers = { 'x-tenant': 'studio', 'x-immich-ml-explain': '1' }
    const answer = await post(url, immichBody('textSearch', 'cat'), { headers })
    expect(answer.headers['x-immich-ml-route']).toMatch(/^clip x-tenant=office\|studio; office chosen/)
    const it = classified('text', 'clip/textual')
    expect(router.explain(it, { request: { headers } })).toMatchObject({
      route: 'clip x-tenant=office|studio',
      passedRoutes: [{ member: 'header', words: 'header X-Tenant is studio, not family' }],
    })
    expect(router.explain(it).passedRoutes.map(({ words }) => words)).toEqual([
      'header X-Tenant is missing',
      'header x-tenant is missing',
    ])
  })

  it('is explained and selected for a request of node:http, in its listener', async () => {
    const { url, router, requests } = await households(routes)
    const policy = { backends: { family: { url: 'http://a' }, rest: { url: 'http://b' } } }
    const select = selectBackend({
      ...policy,
      routes: [{ name: 'mine', match: { header: { 'x-tenant': 'family' } }, backends: ['family'] }, rest],
    })
    await post(url, immichBody('textSearch', 'cat'), { headers: { 'x-tenant': 'family' } })
    await until(() => requests.length === 1, 'it is over')
    const request = requests[0]?.req
    const it = classified('text', 'clip/textual')
    expect(router.explain(it, { request })).toMatchObject({ route: 'x-tenant=family', passedRoutes: [] })
    const lease = await select(it, { request })
    expect(lease.route).toBe('mine')
    lease.release()
    select.close()
  })

  it('is applied by a reload, to requests that wait as well', async () => {
    const { url, router, stubs, search } = await households([rest], {
      backends: { family: { url: 'http://127.0.0.1:1' }, rest: { url: 'http://127.0.0.1:1' } },
      hold: '1h',
      health: { interval: '50ms', rise: 1 },
    })
    const waiting = search('/predict', { 'x-tenant': 'family' })
    await until(() => router.status().held['default'] === 1, 'it is held')
    const changes = router.reload({
      backends: { family: { url: stubs.family.url }, rest: { url: 'http://127.0.0.1:1' } },
      routes: [{ match: { header: { 'x-tenant': 'family' } }, backends: ['family'] }, rest],
      hold: '1h',
    })
    expect(changes.routes.added).toEqual(['x-tenant=family'])
    expect(await waiting).toBe('family')
    expect(url).toBeDefined()
    const next = router.reload({
      backends: { family: { url: stubs.family.url }, rest: { url: 'http://127.0.0.1:1' } },
      routes: [
        { name: 'x-tenant=family', match: { header: { 'x-tenant': 'office' } }, backends: ['family'] },
        rest,
      ],
      hold: '1h',
    })
    expect(next.routes.changed).toEqual(['x-tenant=family'])
  })

  it('keeps credentials out of names, explanations and logs', async () => {
    const secret = 'Bearer s3cret'
    const { url, router, requests } = await households([
      { match: { header: { Authorization: secret } }, backends: ['family'] },
      rest,
    ])
    const lines: unknown[] = []
    const log = (...args: unknown[]) => void lines.push(args)
    logRequests(router, { debug: log, info: log, warn: log })
    const send = (authorization: string) =>
      post(url, immichBody('textSearch', 'cat'), { headers: { authorization, 'x-immich-ml-explain': '1' } })
    const mine = await send(secret)
    const theirs = await send('Bearer other')
    expect([mine, theirs].map(({ headers }) => headers['x-immich-ml-backend'])).toEqual(['family', 'rest'])
    await until(() => requests.length === 2, 'both are over')
    const request = { headers: { authorization: 'Bearer other' } }
    const explained = router.explain(classified('text', 'clip/textual'), { request })
    const shown = [mine.headers, theirs.headers, lines, explained, router.status().routes]
    expect(JSON.stringify(shown)).not.toMatch(/s3cret|Bearer/)
    expect(requests[0]?.route).toBe('authorization=***')
  })
})

describe('a route by path', () => {
  it('tells the base paths of a router apart', async () => {
    const { url, search } = await households(
      [
        { match: { path: '/family/predict' }, backends: ['family'] },
        { match: { path: '/off*' }, backends: ['office'] },
        rest,
      ],
      { path: ['/', '/family', '/office/'] },
    )
    expect([
      await search('/family/predict?x=1'),
      await search('/office/predict'),
      await search('/predict'),
      await search('/other/predict'),
    ]).toEqual(['family', 'office', 'rest', 404])
    for (const path of ['/ping', '/family/ping', '/office/ping'])
      expect(await (await fetch(url + path)).text()).toBe('pong')
    for (const path of ['/', '/family', '/family/', '/office'])
      expect(await (await fetch(url + path)).json()).toEqual({ message: 'Immich ML' })
    expect((await fetch(`${url}/other/ping`)).status).toBe(404)
  })
})

describe('a match in code', () => {
  it('gets the classification, and the head of the request', async () => {
    const seen: unknown[] = []
    const { search } = await households([
      {
        match: ({ tasks }, { headers, client, path }) => {
          seen.push(tasks, headers['x-tenant'], client, path)
          return headers['x-tenant'] === 'family'
        },
        backends: ['family'],
      },
      rest,
    ])
    expect([await search('/predict?a=1', { 'x-tenant': 'family' }), await search()]).toEqual([
      'family',
      'rest',
    ])
    expect(seen).toEqual([
      ...[['clip'], 'family', '127.0.0.1', '/predict'],
      ...[['clip'], undefined, '127.0.0.1', '/predict'],
    ])
  })

  it('that throws after a reload fails the requests that wait, and nothing else', async () => {
    const arrived: (() => void)[] = []
    const gpu = await listen((_req, res) =>
      arrived.push(() => res.setHeader('content-type', 'application/json').end(GOOD_ANSWER)),
    )
    const options = (match: Match | MatchFunction): RouterOptions => ({
      backends: { gpu: { url: gpu.url, maxConcurrent: 1 } },
      health: false,
      routes: [{ name: 'mine', match, backends: ['gpu'] }, { backends: ['gpu'] }],
    })
    const { url, router, requests } = await serveRouter(options({ task: 'clip' }))
    routerMetrics(router, { tenants: true })
    const body = immichBody('textSearch', 'cat')
    const running = post(url, body)
    await until(() => arrived.length === 1, 'the first is sent')
    const waiting = post(url, body)
    await until(() => [...router.waiting()].length === 1, 'the second waits')
    const warned = new Promise((resolve) => process.once('warning', resolve))
    router.reload(
      options(() => {
        throw new Error('my match')
      }),
    )
    expect((await waiting).status).toBe(500)
    expect(await warned).toMatchObject({ message: 'my match' })
    arrived[0]?.()
    expect((await running).status).toBe(200)
    await until(() => requests.length === 2, 'both are over')
    expect(requests.map(({ route, status }) => [route, status])).toEqual([
      ['mine', 500],
      ['mine', 200],
    ])
  })

  it('gets an empty head from a caller of selectBackend() that gives none', async () => {
    const seen: unknown[] = []
    const select = selectBackend({
      backends: { gpu: { url: 'http://gpu' }, rest: { url: 'http://rest' } },
      routes: [
        {
          match: (_classification, request) => {
            seen.push({ ...request })
            return request.headers['x-tenant'] === 'family'
          },
          backends: ['gpu'],
        },
        { backends: ['rest'] },
      ],
    })
    const it = classified('text', 'clip/textual')
    const without = await select(it)
    const given = await select(it, { request: { headers: { 'x-tenant': 'family' }, client: '10.0.0.9' } })
    expect([without.backend.name, given.backend.name]).toEqual(['rest', 'gpu'])
    expect(seen).toEqual([
      { headers: {}, client: undefined, path: '' },
      { headers: { 'x-tenant': 'family' }, client: '10.0.0.9', path: '' },
    ])
    for (const lease of [without, given]) lease.release()
    select.close()
  })
})
