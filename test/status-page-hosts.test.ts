import http from 'node:http'
import net from 'node:net'
import { createRouter } from '@immich-ml-router/core'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/status-page'
import { describe, expect, it, onTestFinished } from 'vitest'
import { spawnGateway, startProcess } from './support/gateway-process.ts'
import { listen, stubMl } from './support/servers.ts'

const TOKEN = 'open-sesame'

/** Asks a server under a name, as a browser does whose DNS gives that name its address. */
function ask(
  url: string,
  path: string,
  headers: http.OutgoingHttpHeaders,
  method = 'GET',
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const req = http.request(new URL(path, url), { method, headers, agent: false }, (res) => {
      let body = ''
      // An event stream has no end.
      if (res.headers['content-type'] === 'text/event-stream') res.destroy()
      res.on('data', (chunk) => {
        body += chunk
      })
      res.on('error', () => {})
      res.on('close', () => resolve({ status: res.statusCode, body }))
    })
    req.on('error', reject)
    req.end()
  })
}

async function serve(options: StatusPageOptions = {}) {
  const stub = await stubMl()
  const router = createRouter({ health: false, backends: { gpu: { url: stub.url } } })
  const page = statusPage(router, options)
  onTestFinished(() => router.close({ timeout: 0 }))
  const { url } = await listen((req, res) => page(req, res, () => router.handle(req, res)))
  return { url, router }
}

const enabled = (router: { status(): { backends: readonly { health: { enabled: boolean } }[] } }) =>
  router.status().backends.map(({ health }) => health.enabled)

describe('a site whose name resolves to the router', () => {
  const evil = { host: 'evil.example:3003' }

  const paths = ['/_router', '/_router/', '/_router/events', '/_router/status.json', '/_router/else']
  it.each(paths)('cannot read %s', async (path) => {
    const { url } = await serve()
    const { status, body } = await ask(url, path, { ...evil, 'x-forwarded-host': 'localhost' })
    expect(status).toBe(421)
    const { detail } = JSON.parse(body)
    expect(detail).toContain('is not served as "evil.example:3003"')
    expect(detail).toMatch(/STATUS_PAGE_HOSTS .* option "hosts"/)
  })

  it.each(['drain', 'enable', 'wake'])('cannot %s a backend, with the token or without', async (action) => {
    const { url, router } = await serve({ adminToken: TOKEN })
    const path = `/_router/backends/gpu/${action}`
    const authorization = `Bearer ${TOKEN}`
    expect((await ask(url, path, { ...evil, authorization }, 'POST')).status).toBe(421)
    expect((await ask(url, path, evil, 'POST')).status).toBe(421)
    expect(enabled(router)).toEqual([true])
  })

  it('gets the answers of the router, which are no secret', async () => {
    const { url } = await serve()
    expect((await ask(url, '/', evil)).status).toBe(200)
    expect((await ask(url, '/ping', evil)).status).toBe(200)
  })
})

describe('the status page', () => {
  it.each([
    ['an IP address', { host: '192.168.1.20:3003' }, {}],
    ['localhost', { host: 'LOCALHOST:3003' }, {}],
    ['a configured name', { host: 'ML.example.org.' }, { hosts: ['ml.example.org'] }],
    ['any name, where that is configured', { host: 'whatever' }, { hosts: ['*'] }],
  ])('is served under %s', async (_, headers, options) => {
    const { url } = await serve(options)
    expect((await ask(url, '/_router', headers)).status).toBe(200)
    expect((await ask(url, '/_router/events', headers)).status).toBe(200)
  })

  it('is served to a client of HTTP/1.0 that names no host', async () => {
    const { url } = await serve()
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('GET /_router HTTP/1.0\r\n\r\n')
    const [chunk] = await new Promise<[Buffer]>((resolve) => socket.once('data', (data) => resolve([data])))
    expect(chunk.toString()).toMatch(/^HTTP\/1.1 200 /)
  })

  it('refuses a host that cannot be one when it is made', async () => {
    const router = createRouter({ health: false, backends: { gpu: { url: 'http://gpu' } } })
    onTestFinished(() => router.close({ timeout: 0 }))
    expect(() => statusPage(router, { hosts: ['http://ml.example.org'] })).toThrow(RangeError)
  })
})

describe.each(['package', 'koa'] as const)('the %s gateway', (which) => {
  it('serves its page under the names of STATUS_PAGE_HOSTS', async () => {
    const stub = await stubMl()
    const env = { ML_DEFAULT_URL: stub.url, STATUS_PAGE_HOSTS: 'ml.example.org, gateway' }
    const { url } = await startProcess(which, env)
    const statusUnder = async (host: string, path: string) => (await ask(url, path, { host })).status
    for (const host of ['localhost', '127.0.0.1:1', 'ml.example.org', 'Gateway:3003'])
      expect(await statusUnder(host, '/_router')).toBe(200)
    expect(await statusUnder('evil.example', '/_router')).toBe(421)
    // Prometheus and Immich use whatever name docker or Kubernetes gives.
    for (const path of ['/', '/ping', '/metrics'])
      expect(await statusUnder('immich-ml-router', path)).toBe(200)
  })
})

describe('a gateway', () => {
  it('does not start with a host that cannot be one', async () => {
    const { exited, output } = spawnGateway('express', { STATUS_PAGE_HOSTS: 'http://ml.example.org' })
    expect(await exited).toBe(1)
    expect(output.at(-1)).toMatch(/: STATUS_PAGE_HOSTS has "http:\/\/ml.example.org", which is not/)
  })
})
