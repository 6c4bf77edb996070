import https from 'node:https'
import { TlsError } from '@immich-ml-router/core/parts'
import { immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { YESTERDAY } from './support/certificates.ts'
import { post } from './support/client.ts'
import { FakeResolver } from './support/fake-resolver.ts'
import {
  basic,
  client,
  failing,
  ours,
  plain,
  recorder,
  search,
  secure,
  serve,
  theirs,
} from './support/secure-backend.ts'
import { until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

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
