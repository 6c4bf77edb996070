import { inspect } from 'node:util'
import type { RouterOptions } from '@immich-ml-router/core'
import { FakeClock, GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { ProxyServer } from 'http-proxy-3'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { FakeResolver } from './support/fake-resolver.ts'
import {
  type Answer,
  basic,
  client,
  failing,
  ours,
  plain,
  search,
  secure,
  serve,
  server,
  theirs,
} from './support/secure-backend.ts'
import { until } from './support/servers.ts'

describe('credentials', () => {
  const backends = {
    a: { headers: { 'x-key': 'a-key' }, auth: { bearer: 'a-token' } },
    b: { auth: { basic: { username: 'b', password: 'b-password' } } },
    d: { headers: { authorization: 'Token d-token', 'X-Key': 'd-key' } },
  }
  const busy: Answer = (res) => res.writeHead(503).end()

  it.each([
    ['fails over', busy, {}],
    ['is hedged', () => {}, { hedge: { after: 1, max: 1 } }],
  ] as [string, Answer, object][])('go to their backend alone when a request %s', async (_, answer, how) => {
    const [a, b] = [await plain(answer), await plain()]
    const { url } = await serve({
      forwardHeaders: ['authorization'],
      backends: { a: { url: a.url, ...backends.a }, b: { url: b.url, ...backends.b } },
      routes: [{ backends: ['a', 'b'], strategy: 'first', ...how }],
    })
    const headers = { authorization: 'Basic client', 'x-key': 'client', 'x-other': 'client' }
    expect((await post(url, search, { headers })).headers['x-immich-ml-backend']).toBe('b')
    expect(a.predicts().map((it) => it.headers)).toMatchObject([
      { authorization: 'Bearer a-token', 'x-key': 'a-key', 'x-other': 'client' },
    ])
    expect(b.predicts().map((it) => it.headers)).toMatchObject([
      { authorization: basic('b:b-password'), 'x-key': 'client', 'x-other': 'client' },
    ])
    await until(() => a.probes().length > 0 && b.probes().length > 0, 'both are probed')
    expect([a.probes()[0]?.headers['authorization'], b.probes()[0]?.headers['authorization']]).toEqual([
      'Bearer a-token',
      basic('b:b-password'),
    ])
    expect([a.probes()[0]?.headers['x-key'], b.probes()[0]?.headers['x-key']]).toEqual(['a-key', undefined])
  })

  it('in a URL are basic authentication, and a backend without any gets none', async () => {
    const [a, b] = [await plain(busy), await plain()]
    const { url } = await serve({
      backends: { a: { url: a.url.replace('//', '//me:p%40ss@') }, b: { url: b.url } },
      routes: [{ backends: ['a', 'b'], strategy: 'first' }],
    })
    await post(url, search, { headers: { authorization: 'Basic client' } })
    expect(a.predicts()[0]?.headers.authorization).toBe(basic('me:p@ss'))
    expect(b.predicts()[0]?.headers).not.toHaveProperty('authorization')
  })

  it('of a backend win over those of the proxy, and over what its listeners set', async () => {
    const [a, b] = [await secure(), await plain()]
    const proxy = new ProxyServer({
      auth: 'proxy:pw',
      headers: { 'x-key': 'proxy', 'x-all': 'proxy' },
      ca: theirs.cert,
      secure: true,
    })
    const seen: unknown[] = []
    proxy.on('start', (req) => {
      seen.push(req.headers.authorization)
      req.headers['Authorization'] = 'Basic listener'
    })
    const { url } = await serve({
      proxy,
      backends: { a: { url: a.url, ...backends.d, tls: { ca: ours.cert } }, b: { url: b.url } },
      routes: [{ match: { input: 'text' }, backends: ['a'] }, { backends: ['b'] }],
    })
    expect((await post(url, search)).status).toBe(200)
    expect(a.predicts()[0]?.headers).toMatchObject({
      authorization: 'Token d-token',
      'x-key': 'd-key',
      'x-all': 'proxy',
    })
    expect(seen).toEqual([basic('proxy:pw')])
    expect(a.probes()[0]?.headers).toMatchObject({ authorization: 'Token d-token', 'x-all': 'proxy' })
    expect((await post(url, immichBody('indexing', Buffer.from('image')))).status).toBe(200)
    expect(b.probes()[0]?.headers).toMatchObject({ authorization: basic('proxy:pw'), 'x-key': 'proxy' })
  })

  it('and keys are in nothing that the router tells, however a request ends', async () => {
    const [cut, closed, refusing] = [
      await plain((res) => res.destroy()),
      await plain(),
      await secure({ ca: theirs.cert, requestCert: true }),
    ]
    closed.server.close()
    const clock = new FakeClock()
    const auth = { basic: { username: 'usern4me', password: 'p4ssword' } }
    const headers = { 'x-key': 'h3ader' }
    const { router, url, tell, requests, changes, holds } = await serve({
      ...failing,
      clock,
      upstreamHeader: 'x-upstream',
      backends: {
        cut: { url: cut.url, auth, headers },
        closed: { url: closed.url.replace('//', '//usern4me:p4ssword@'), headers },
        refusing: { url: refusing.url, auth: { bearer: 't0ken' }, tls: { ca: ours.cert, ...server } },
        unresolved: { url: 'http://usern4me:p4ssword@nowhere.example', headers, discover: 'dns' },
      },
      resolver: new FakeResolver({}),
      routes: [
        { match: { task: 'clip' }, backends: ['closed', 'refusing', 'cut'], strategy: 'first' },
        { backends: ['unresolved'], hold: '1s' },
      ],
    })
    const answers = [await post(url, search)]
    const held = post(url, immichBody('faces', Buffer.from('image')))
    await until(() => holds.length === 1, 'the second waits')
    clock.advance(10_000)
    answers.push(await held)
    await until(() => requests.length === 2, 'both are over')
    await until(() => changes.filter(({ kind }) => kind === 'probe').length >= 2, 'probes have failed')
    expect(changes.map(({ kind }) => kind)).toContain('unresolved')
    const seen = [
      inspect([router, ...tell()], { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true }),
      JSON.stringify(tell()),
      ...answers.map(({ body, rawHeaders }) => body + rawHeaders.join()),
    ].join('\n')
    expect(answers.map(({ status }) => status)).toEqual([502, 503])
    expect(requests[0]?.attempts.map(({ backend }) => backend).sort()).toEqual(['closed', 'cut', 'refusing'])
    expect(cut.predicts()[0]?.headers).toMatchObject({ 'x-upstream': cut.url, 'x-key': 'h3ader' })
    const encoded = Buffer.from('usern4me:p4ssword').toString('base64')
    for (const secret of ['usern4me', 'p4ssword', 't0ken', 'h3ader', encoded, 'PRIVATE KEY', server.key])
      expect(seen.includes(secret), secret).toBe(false)
  })
})

describe('a reload', () => {
  it('has other credentials sent, and other connections made where TLS is different', async () => {
    const gpu = await secure({ ca: theirs.cert, requestCert: true, rejectUnauthorized: false })
    const options = (bearer: string, own: object): RouterOptions => ({
      backends: { gpu: { url: gpu.url, auth: { bearer }, tls: { ca: ours.cert, ...own } } },
      health: false,
      hold: false,
    })
    const { url, router } = await serve(options('old', {}))
    const sent = async () => {
      expect((await post(url, search)).status).toBe(200)
      const last = gpu.predicts().at(-1)
      return [last?.headers.authorization, last?.client]
    }
    expect(await sent()).toEqual(['Bearer old', undefined])
    router.reload(options('new', {}))
    expect(await sent()).toEqual(['Bearer new', undefined])
    router.reload(options('new', client))
    expect(await sent()).toEqual(['Bearer new', 'router'])
    expect(router.status().backends).toMatchObject([{ name: 'gpu', leaving: false }])
    router.reload(options('new', { ca: theirs.cert }))
    expect((await post(url, search)).status).toBe(502)
    router.reload(options('new', {}))
    expect(await sent()).toEqual(['Bearer new', undefined])
  })

  it('lets a request finish on the connection that it has', async () => {
    let finish = () => {}
    const gpu = await secure({}, (res) => {
      res.write(GOOD_ANSWER.slice(0, 10))
      finish = () => res.end(GOOD_ANSWER.slice(10))
    })
    const options = (servername: string): RouterOptions => ({
      backends: { gpu: { url: gpu.url, tls: { ca: ours.cert, servername } } },
      health: false,
    })
    const { url, router } = await serve(options('ml.example'))
    const answers = [post(url, search)]
    await until(() => gpu.predicts().length === 1, 'the first is there')
    router.reload(options('localhost'))
    const first = finish
    answers.push(post(url, search))
    await until(() => gpu.predicts().length === 2, 'the second is there')
    first()
    finish()
    expect((await Promise.all(answers)).map(({ status, body }) => [status, String(body)])).toEqual([
      [200, GOOD_ANSWER],
      [200, GOOD_ANSWER],
    ])
    expect(gpu.predicts().map(({ servername }) => servername)).toEqual(['ml.example', 'localhost'])
  })
})
