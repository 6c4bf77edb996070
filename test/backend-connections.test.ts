import type http from 'node:http'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import type { HoldEvent, RouterOptions } from '@immich-ml-router/core'
import { TlsError } from '@immich-ml-router/core/parts'
import { ProxyServer } from 'http-proxy-3'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Authority, authority, type KeyPair, YESTERDAY } from './support/certificates.ts'
import { post } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import { FakeResolver } from './support/fake-resolver.ts'
import { GOOD_ANSWER, immichBody } from './support/predict-body.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const search = immichBody('textSearch', 'cat')
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

let ours: Authority
let theirs: Authority
let server: KeyPair
let client: KeyPair

beforeAll(async () => {
  ;[ours, theirs] = await Promise.all([authority('ours'), authority('theirs')])
  ;[server, client] = await Promise.all([
    ours.certify(['ml.example', 'localhost', '127.0.0.1']),
    theirs.certify(['router']),
  ])
})

interface Asked {
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  /** The client certificate's name. */
  readonly client: string | undefined
  /** What the server was asked for by the handshake (SNI). */
  readonly servername: string | false | null
}

type Answer = (res: http.ServerResponse, req: http.IncomingMessage) => void
const well: Answer = (res) => res.end(GOOD_ANSWER)

/** A stand-in that writes down who asked. */
function recorder(answer: Answer = well) {
  const asked: Asked[] = []
  const handle = (req: http.IncomingMessage, res: http.ServerResponse) => {
    const socket = req.socket as Partial<TLSSocket>
    const client = socket.getPeerCertificate?.().subject?.CN
    const { url: path = '', headers } = req
    asked.push({ path, headers, client: [client].flat()[0], servername: socket.servername ?? null })
    req.resume().on('end', () => answer(res, req))
  }
  const of = (path: string) => asked.filter((one) => one.path === path)
  return { handle, predicts: () => of('/predict'), probes: () => of('/ping') }
}

/** A stand-in with TLS. */
async function secure(options: https.ServerOptions = {}, answer?: Answer) {
  const { handle, ...asked } = recorder(answer)
  const own = https.createServer({ ...server, ...options }, handle)
  // An https server is an http server to whoever listens with it.
  const { url } = await listen(own as unknown as http.Server)
  return { url: url.replace('http:', 'https:'), ...asked }
}

async function plain(answer?: Answer) {
  const { handle, ...asked } = recorder(answer)
  return { ...(await listen(handle)), ...asked }
}

/** A router, and all that it tells. */
async function serve(options: RouterOptions) {
  const { router, url, requests, changes } = await serveRouter(options)
  const holds: HoldEvent[] = []
  router.on('hold', (event) => holds.push(event))
  const tell = () => [router.status(), changes, holds, requests.map(({ req: _, res: __, ...rest }) => rest)]
  return { router, url, requests, changes, holds, tell }
}

/** A backend is down with its first failed probe. */
const failing = { health: { fall: 1, timeout: '10s' } } as const

describe('mutual TLS', () => {
  it('is spoken by requests and probes, with the credentials', async () => {
    const gpu = await secure({ ca: theirs.cert, requestCert: true })
    const { url, router } = await serve({
      backends: {
        gpu: {
          url: gpu.url,
          headers: { 'X-Tenant': 'me' },
          auth: { bearer: 't0ken' },
          tls: { ca: ours.cert, ...client },
        },
      },
    })
    expect((await post(url, search)).status).toBe(200)
    await until(() => router.status().backends[0]?.health.probe?.kind === 'up', 'the probe has been answered')
    for (const asked of [...gpu.predicts(), ...gpu.probes()]) {
      const { authorization, 'x-tenant': tenant } = asked.headers
      expect([asked.client, authorization, tenant]).toEqual(['router', 'Bearer t0ken', 'me'])
    }
    expect([gpu.predicts().length, gpu.probes().length > 0]).toEqual([1, true])
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('with %s, is said to be missing', async (version) => {
    const gpu = await secure({
      ca: theirs.cert,
      requestCert: true,
      minVersion: version,
      maxVersion: version,
    })
    const { url, requests, changes } = await serve({
      ...failing,
      backends: { gpu: { url: gpu.url, tls: { ca: ours.cert } } },
    })
    const answer = await post(url, search)
    const why = /client certificate/
    expect([answer.status, answer.body.toString()]).toEqual([502, expect.stringMatching(why)])
    await until(() => requests.length === 1, 'the request is over')
    const [outcome] = requests[0]?.attempts.map((attempt) => attempt.outcome) ?? []
    expect(outcome).toMatchObject({ kind: 'failed', cause: 'connect', reachedBackend: false })
    expect(outcome).toMatchObject({ error: expect.any(TlsError) })
    await until(() => changes.some(({ kind }) => kind === 'probe'), 'the probe has failed')
    expect(changes.find(({ kind }) => kind === 'probe')).toMatchObject({
      to: { kind: 'down', reason: expect.stringMatching(why) },
    })
    expect(gpu.predicts()).toEqual([])
  })

  it('is of each backend its own', async () => {
    const foreign = await theirs.certify(['localhost', '127.0.0.1'])
    const [a, b] = [await secure({ ca: theirs.cert, requestCert: true }), await secure(foreign)]
    const { url, requests } = await serve({
      backends: {
        a: { url: a.url, tls: { ca: [theirs.cert, ours.cert], ...client } },
        b: { url: b.url, tls: { ca: theirs.cert } },
        c: { url: b.url },
      },
      routes: [
        { match: { input: 'text' }, backends: ['a', 'b'], strategy: 'round-robin' },
        { backends: ['c'] },
      ],
    })
    expect([(await post(url, search)).status, (await post(url, search)).status]).toEqual([200, 200])
    expect([a.predicts(), b.predicts()]).toMatchObject([[{ client: 'router' }], [{ client: undefined }]])
    const indexing = immichBody('indexing', Buffer.from('image'))
    expect((await post(url, indexing)).status).toBe(502)
    expect(requests.at(-1)?.error?.message).toContain('certificate signed by an unknown authority')
  })
})

describe('a certificate', () => {
  const cases: [string, () => Promise<{ url: string }>, () => object, RegExp][] = [
    [
      'that has expired',
      async () => secure(await ours.certify(['127.0.0.1'], { until: YESTERDAY })),
      () => ({ ca: ours.cert }),
      /certificate expired \(CERT_HAS_EXPIRED\)/,
    ],
    [
      'for another name',
      async () => secure(await ours.certify(['other.example'])),
      () => ({ ca: ours.cert }),
      /certificate issued for another name; check tls\.servername/,
    ],
    [
      'of an authority that is not known',
      async () => secure(),
      () => ({}),
      /signed by an unknown authority; check tls\.ca/,
    ],
    [
      'of another authority than that asked for',
      async () => secure(),
      () => ({ ca: theirs.cert }),
      /signed by an unknown authority; check tls\.ca/,
    ],
    [
      'that signs itself',
      async () => secure({ cert: theirs.cert, key: theirs.key }),
      () => ({}),
      /signed by an unknown authority; check tls\.ca/,
    ],
    [
      'that is not there, since it is plain HTTP',
      async () => ({ url: (await plain()).url.replace('http:', 'https:') }),
      () => ({}),
      /no TLS on this port/,
    ],
  ]

  it.each(cases)('%s is an error that says so', async (_, backend, tls, message) => {
    const { url } = await backend()
    const {
      url: router,
      requests,
      changes,
    } = await serve({
      ...failing,
      backends: { gpu: { url, tls: tls() } },
    })
    const answer = await post(router, search)
    expect([answer.status, JSON.parse(answer.body.toString()).detail]).toEqual([
      502,
      expect.stringMatching(message),
    ])
    await until(() => requests.length === 1, 'the request is over')
    expect(requests[0]?.attempts.map(({ outcome }) => outcome)).toMatchObject([
      { cause: 'connect', reachedBackend: false, error: { message: expect.stringMatching(message) } },
    ])
    await until(() => changes.some(({ kind }) => kind === 'probe'), 'the probe has failed')
    expect(changes.find(({ kind }) => kind === 'probe')).toMatchObject({
      to: { kind: 'down', reason: expect.stringMatching(message) },
    })
  })

  it.each(cases.slice(0, 5))('%s is taken with insecure', async (_, backend) => {
    const { url } = await backend()
    const { url: router } = await serve({ backends: { gpu: { url, tls: { insecure: true } } } })
    expect((await post(router, search)).status).toBe(200)
  })

  it('is held against servername, which the server is asked for', async () => {
    const named = await secure(await ours.certify(['ml.example']))
    const { url } = await serve({
      backends: { gpu: { url: named.url, tls: { ca: ours.cert, servername: 'ml.example' } } },
    })
    expect((await post(url, search)).status).toBe(200)
    await until(() => named.probes().length > 0, 'it is probed')
    const asked = [...named.predicts(), ...named.probes()]
    expect(new Set(asked.map(({ servername }) => servername))).toEqual(new Set(['ml.example']))
  })
})

describe('a backend that is many endpoints', () => {
  itNeeds('loopback')('has its credentials and TLS at each of them', async () => {
    const { handle, predicts, probes } = recorder()
    const options = { ...(await ours.certify(['pods.example'])), ca: theirs.cert, requestCert: true }
    const own = https.createServer(options, handle)
    own.listen(0)
    await until(() => own.listening, 'it listens')
    onTestFinished(() => void own.close().closeAllConnections())
    const address = own.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { url, router } = await serve({
      resolver: new FakeResolver({ 'ml.internal': ['127.0.0.1', '127.0.0.2'] }),
      backends: {
        pods: {
          url: `https://ml.internal:${port}`,
          discover: 'dns',
          auth: { basic: { username: 'me', password: 'pw' } },
          tls: { ca: ours.cert, servername: 'pods.example', ...client },
        },
      },
      routes: [{ backends: ['pods'], strategy: 'round-robin' }],
    })
    await until(() => router.status().backends.length === 2, 'both are found')
    for (let i = 0; i < 4; i++) expect((await post(url, search)).status).toBe(200)
    await until(() => probes().length >= 2, 'both are probed')
    for (const { headers, client: name, servername } of [...predicts(), ...probes()]) {
      expect([headers.authorization, name, servername]).toEqual([basic('me:pw'), 'router', 'pods.example'])
      expect(headers.host).toBe(`ml.internal:${port}`)
    }
    expect(predicts().length).toBe(4)
  })
})

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
