import { createRouter, type ReloadOptions, selectBackend } from '@immich-ml-router/core'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { ProxyServer } from 'http-proxy-3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adapters } from './adapters/all.ts'
import { classified } from './support/classifications.ts'
import { post } from './support/client.ts'
import { listen, stubMl } from './support/servers.ts'

const search = immichBody('textSearch', 'cat')

/** What makes a reload fail, and with what message. */
const mistakes: [what: string, mistake: object, message: RegExp][] = [
  ['of the policy', { retries: -1 }, /retries/],
  ['of a reference', { routes: [{ backends: ['c'] }] }, /names "c"/],
  ['of a strategy', { routes: [{ backends: ['b'], strategy: () => ({}) }] }, /routes\[0\]\.strategy must be/],
  ['of a strategy that throws', { routes: [{ backends: ['b'], strategy: failing }] }, /strategy failed/],
  ['of the path', { path: 'ml' }, /path must be/],
  ['of a size', { maxBodySize: 'big' }, /maxBodySize/],
  ['of the directory', { bodySpool: '/no/such/directory' }, /bodySpool must be a directory/],
  ['of a header', { upstreamHeader: 'a b' }, /upstreamHeader/],
  ['of the answers', { answers: { job: [500], busy: [500] } }, /names the status 500 twice/],
  [
    'of a transport that lacks what the proxy does',
    { transport: 'direct' },
    /transport must be http-proxy-3/,
  ],
  ['of an option that only a new router can have', { proxy: {} }, /proxy is not an option/],
]

function failing(): never {
  throw new Error('strategy failed')
}

describe.each<[string, () => ProxyServer | { xfwd: true }]>([
  ['xfwd', () => ({ xfwd: true })],
  ['a proxy server', () => new ProxyServer({})],
])('a router with %s', (_with, proxyOf) => {
  it.each(mistakes)('keeps everything as it is behind a mistake %s', async (_what, mistake, message) => {
    const [a, b] = [await stubMl(), await stubMl()]
    const router = createRouter({
      backends: { a: { url: a.url } },
      hold: false,
      health: false,
      proxy: proxyOf(),
      maxBodySize: 1_000,
      backendHeader: 'x-by',
      upstreamHeader: 'x-old',
      path: '/old',
    })
    onTestFinished(() => router.close({ timeout: 0 }))
    const { url } = await listen((req, res) => router.handle(req, res))
    const events: unknown[] = []
    for (const name of ['reload', 'backend'] as const) router.on(name, (event) => events.push(event))
    const next: ReloadOptions = {
      backends: { b: { url: b.url } },
      hold: false,
      health: false,
      maxBodySize: 2_000,
      backendHeader: 'x-new',
      upstreamHeader: 'x-new-url',
      path: '/new',
    }
    for (let i = 0; i < 2; i++)
      expect(() => router.reload({ ...next, ...mistake } as ReloadOptions)).toThrow(message)
    const answer = await post(url, search, { path: '/old/predict' })
    expect([answer.status, answer.headers['x-by'], answer.headers['x-new']]).toEqual([200, 'a', undefined])
    expect(a.received[0]?.headers).toMatchObject({ 'x-old': a.url })
    expect(a.received[0]?.headers['x-new-url']).toBeUndefined()
    const large = immichBody('indexing', imageBytes(1_000))
    expect((await post(url, large, { path: '/old/predict' })).status).toBe(413)
    expect((await post(url, search, { path: '/new/predict' })).status).toBe(404)
    expect([router.status().backends.map(({ name }) => name), events, b.started]).toEqual([['a'], [], 0])
    // What it tells to be different is so since the options that are in force.
    expect(router.reload(next)).toMatchObject({
      backends: { added: ['b'], removed: ['a'] },
      options: ['backendHeader', 'maxBodySize', 'path', 'upstreamHeader'],
    })
    expect((await post(url, large, { path: '/new/predict' })).headers['x-new']).toBe('b')
  })
})

it('a listener that reloads has its options in force, and not those of the reload that it is told of', async () => {
  const [a, b, c] = [await stubMl(), await stubMl(), await stubMl()]
  const optionsFor = (name: string, url: string, backendHeader: string) => ({
    backends: { [name]: { url } },
    health: false as const,
    backendHeader,
  })
  const router = createRouter(optionsFor('a', a.url, 'x-a'))
  onTestFinished(() => router.close({ timeout: 0 }))
  const { url } = await listen((req, res) => router.handle(req, res))
  const stop = router.on('backend', () => {
    stop()
    router.reload(optionsFor('c', c.url, 'x-c'))
  })
  router.reload(optionsFor('b', b.url, 'x-b'))
  const { headers } = await post(url, search)
  expect([headers['x-b'], headers['x-c']]).toEqual([undefined, 'c'])
})

describe('the separate steps', () => {
  const adaptersWithSteps = adapters.flatMap(({ name, compose }) =>
    typeof compose === 'function' ? [{ name, compose }] : [],
  )

  it.each(adaptersWithSteps)('$name: selectBackend().reload keeps the policy', async ({ compose }) => {
    const [a, b] = [await stubMl(), await stubMl()]
    const { listener, reload, close } = compose({
      policy: { backends: { a: { url: a.url } }, health: false },
    })
    const { url } = await listen(listener)
    const next = { backends: { b: { url: b.url } }, health: false as const }
    for (const mistake of mistakes.slice(0, 4).map(([, its]) => its))
      expect(() => reload({ ...next, ...mistake })).toThrow()
    expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('a')
    expect(reload(next).backends).toMatchObject({ added: ['b'], removed: ['a'] })
    expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('b')
    await close()
  })

  it('a listener that throws fails no reload, and keeps nothing from the others', () => {
    const warnings: string[] = []
    const warn = (warning: Error) => warnings.push(warning.message)
    process.on('warning', warn)
    onTestFinished(() => void process.off('warning', warn))
    const told: string[] = []
    const select = selectBackend(
      { backends: { a: { url: 'http://a' } }, health: false },
      {
        onBackendChange: ({ kind, backend }) => {
          told.push(`${backend} ${kind}`)
          throw new Error('the listener failed')
        },
        onHold: failing,
        onUnavailable: failing,
      },
    )
    onTestFinished(() => select.close())
    expect(select.reload({ backends: { b: { url: 'http://b' } }, health: false }).backends.added).toEqual([
      'b',
    ])
    expect([select.backends().map(({ name }) => name), told]).toEqual([['b'], ['a removed', 'b added']])
  })

  it('a listener of waiting requests that throws fails none, and no reload', async () => {
    const select = selectBackend(
      { backends: { a: { url: 'http://a', maxConcurrent: 1 } }, health: false },
      { onHold: failing },
    )
    onTestFinished(() => select.close())
    const job = classified('image', 'clip/visual')
    const running = await select(job)
    const waiting = select(job)
    select.reload({ backends: { b: { url: 'http://b' } }, health: false })
    const lease = await waiting
    expect(lease.backend.name).toBe('b')
    for (const { release } of [running, lease]) release()
  })
})
