import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { dnsResolver, type Resolver } from '@immich-ml-router/core'
import { GOOD_ANSWER, imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { generate } from 'selfsigned'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { dnsServer } from './support/dns-server.ts'
import { FakeResolver } from './support/fake-resolver.ts'
import { search, serve } from './support/replicas.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

interface Replica {
  readonly address: string
  readonly port: number
  readonly server: http.Server
  requests: number
  connections: number
}

/** So many servers, as `docker compose up --scale` starts them: all on one port, each on an address of its own. */
async function replicas(
  count: number,
  answer: RequestListener = (_, res) => res.end(GOOD_ANSWER),
): Promise<Replica[]> {
  const made: Replica[] = []
  try {
    for (let i = 1; i <= count; i++) {
      const address = `127.0.0.${i}`
      const server = http.createServer((req, res) => {
        if (req.url === '/ping') return void res.end('pong')
        replica.requests++
        req.resume().on('end', () => answer(req, res))
      })
      server.listen(made[0]?.port ?? 0, address)
      await once(server, 'listening')
      const replica = {
        address,
        server,
        port: (server.address() as AddressInfo).port,
        requests: 0,
        connections: 0,
      }
      server.on('connection', () => replica.connections++)
      made.push(replica)
      onTestFinished(() => void server.close().closeAllConnections())
    }
    return made
  } catch (error) {
    // The port that was free on the first address is taken on another.
    if (error instanceof Error && Reflect.get(error, 'code') === 'EADDRINUSE') return replicas(count, answer)
    throw error
  }
}

const addressesOf = (some: readonly Replica[]) => some.map(({ address }) => address)

const portOf = ([first]: readonly Replica[]) => first?.port ?? 0

/** Clients that send one request after the other until they are told to stop. */
function load(url: string, clients: number) {
  const statuses: Record<number, number> = {}
  const backends = new Set<string | null>()
  let going = true
  const client = async () => {
    while (going) {
      const response = await fetch(`${url}/predict`, {
        method: 'POST',
        body: immichForm('textSearch', 'cat'),
      })
      await response.text()
      statuses[response.status] = (statuses[response.status] ?? 0) + 1
      backends.add(response.headers.get('x-immich-ml-backend'))
    }
  }
  const running = Promise.all(Array.from({ length: clients }, client))
  const stop = async () => {
    going = false
    await running
    return { statuses, backends: [...backends] }
  }
  onTestFinished(async () => void (await stop()))
  return { stop }
}

/** Two ways to say what `ml.test` stands for. */
const resolvers: [
  what: string,
  make: () => Promise<{ resolver: Resolver; tell(addresses: string[]): void }>,
][] = [
  [
    'an injected resolver',
    async () => {
      const resolver = new FakeResolver()
      const tell = (addresses: string[]) => {
        resolver.hosts = { 'ml.test': addresses }
      }
      return { resolver, tell }
    },
  ],
  [
    'a real DNS server',
    async () => {
      const server = await dnsServer()
      const tell = (A: string[]) => {
        server.zones = { 'ml.test': { A } }
      }
      return { resolver: dnsResolver({ servers: [server.address] }), tell }
    },
  ],
]

describe.each(resolvers)('a name that %s resolves', (_, make) => {
  itNeeds('loopback')(
    'to 1, 4 and 2 addresses in turn: requests are spread over them on connections that are kept, and none is lost',
    async () => {
      const servers = await replicas(4)
      const { resolver, tell } = await make()
      tell(['127.0.0.1'])
      const { url, rediscovers, endpoints } = await serve({
        resolver,
        backends: { ml: { url: `http://ml.test:${portOf(servers)}`, discover: { interval: '1s' } } },
      })
      const { stop } = load(url, 16)
      let total = 0
      for (const some of [[1], [1, 2, 3, 4], [2, 4]]) {
        const now = some.flatMap((i) => servers[i - 1] ?? [])
        tell(addressesOf(now))
        await rediscovers(now.length)
        expect(endpoints().sort()).toEqual(now.map(({ address, port }) => `${address}:${port}`))
        total += servers.reduce((sum, { requests }) => sum + requests, 0)
        for (const server of servers) server.requests = 0
        const sum = () => now.reduce((all, { requests }) => all + requests, 0)
        await until(() => sum() >= 1_000, 'a thousand requests have come', 30)
        const share = sum() / now.length
        for (const { requests } of now) {
          expect(requests).toBeGreaterThan(0.9 * share)
          expect(requests).toBeLessThan(1.1 * share)
        }
        for (const server of servers) if (!now.includes(server)) expect(server.requests).toBe(0)
      }
      const { statuses, backends } = await stop()
      total += servers.reduce((sum, { requests }) => sum + requests, 0)
      expect([statuses, backends]).toEqual([{ 200: total }, ['ml']])
      const connections = servers.reduce((sum, server) => sum + server.connections, 0)
      expect(connections).toBeLessThan(total / 10)
    },
    100_000,
  )
})

describe('an endpoint', () => {
  itNeeds('loopback')('that crashes costs no request: its siblings answer', async () => {
    const servers = await replicas(3)
    const { url, requests, router, changes } = await serve({
      resolver: new FakeResolver({ ml: addressesOf(servers) }),
      backends: { ml: { url: `http://ml:${portOf(servers)}`, discover: 'dns' } },
      // peak-ewma would leave it alone after one failure.
      routes: [{ backends: ['ml'], strategy: 'least-conn' }],
      health: false,
    })
    for (let i = 0; i < 6; i++) expect((await post(url, search)).status).toBe(200)
    const [crashed] = servers
    crashed?.server.close().closeAllConnections()
    for (let i = 0; i < 30; i++) expect((await post(url, search)).status).toBe(200)
    const at = `127.0.0.1:${portOf(servers)}`
    const failed = requests
      .flatMap(({ attempts }) => attempts)
      .filter(({ outcome }) => outcome.kind === 'failed')
    expect(new Set(failed.map(({ backend, endpoint }) => `${backend} ${endpoint}`))).toEqual(
      new Set([`ml ${at}`]),
    )
    expect(changes.filter(({ kind }) => kind === 'breaker')).toMatchObject([
      { backend: 'ml', endpoint: at, to: { kind: 'open' } },
    ])
    expect(router.status().backends.map(({ endpoint, health }) => [endpoint, health.reachable.kind])).toEqual(
      [
        [at, 'open'],
        [`127.0.0.2:${portOf(servers)}`, 'closed'],
        [`127.0.0.3:${portOf(servers)}`, 'closed'],
      ],
    )
    for (const { server } of servers.slice(1)) server.close().closeAllConnections()
    const { status, body } = await post(url, search)
    expect(status).toBe(502)
    expect(JSON.parse(body.toString()).detail).toContain(`"ml" at 127.0.0.2:${portOf(servers)} failed`)
  })

  itNeeds('loopback')('that vanishes finishes what it has, and then its connections are closed', async () => {
    const held: http.ServerResponse[] = []
    const servers = await replicas(2, (_, res) => void held.push(res))
    const resolver = new FakeResolver({ ml: ['127.0.0.1'] })
    const { url, clock, endpoints, router } = await serve({
      resolver,
      backends: { ml: { url: `http://ml:${portOf(servers)}`, discover: 'dns' } },
    })
    const answer = post(url, immichBody('indexing', imageBytes(200_000)))
    await until(() => held.length === 1, 'the request is there')
    resolver.hosts = { ml: ['127.0.0.2'] }
    clock.advance(10_000)
    const port = portOf(servers)
    await until(() => endpoints()[0] === `127.0.0.2:${port}`, 'the endpoint is another')
    expect(router.status().backends).toMatchObject([
      { endpoint: `127.0.0.2:${port}`, inFlight: 0, leaving: false },
      { endpoint: `127.0.0.1:${port}`, inFlight: 1, leaving: true },
    ])
    const second = post(url, search)
    await until(() => held.length === 2, 'the next request is at the other')
    expect(servers.map(({ requests }) => requests)).toEqual([1, 1])
    for (const res of held) res.end(GOOD_ANSWER)
    expect([(await answer).status, (await second).status]).toEqual([200, 200])
    const open = () =>
      new Promise<number>((resolve) => servers[0]?.server.getConnections((_, count) => resolve(count)))
    await until(async () => (await open()) === 0, 'its connections are closed')
    expect(router.status().backends).toHaveLength(1)
  })

  it('is asked under the name of its backend, and so is its certificate', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'ml.test' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'ml.test' }] }],
    })
    const seen: unknown[] = []
    const secure = https.createServer({ key, cert }, (req, res) => {
      seen.push([req.headers.host, Reflect.get(req.socket, 'servername'), req.headers.authorization])
      req.resume().on('end', () => res.end(GOOD_ANSWER))
    })
    const { url: backend } = await listen(secure as unknown as http.Server)
    const { port } = new URL(backend)
    const { url } = await serve({
      proxy: { ca: cert },
      resolver: new FakeResolver({ 'ml.test': ['127.0.0.1'] }),
      backends: { ml: { url: `https://user:secret@ml.test:${port}/base`, discover: 'dns' } },
      health: false,
    })
    expect((await post(url, search)).status).toBe(200)
    expect(seen).toEqual([
      [`ml.test:${port}`, 'ml.test', `Basic ${Buffer.from('user:secret').toString('base64')}`],
    ])
  })
})

describe('a service', () => {
  it('of a real DNS server has its servers on ports of their own, by weight, and those of a higher priority in reserve', async () => {
    const stubs = await Promise.all([1, 2, 3].map(() => stubMl()))
    const [a, b, spare] = stubs
    const record = (stub: typeof a, priority: number, weight: number) => ({
      target: 'host.ml.test',
      port: stub?.port ?? 0,
      priority,
      weight,
    })
    const server = await dnsServer({
      '_http._tcp.ml.test': { SRV: [record(a, 10, 30), record(b, 10, 10), record(spare, 20, 1)] },
      'host.ml.test': { A: ['127.0.0.1'] },
    })
    const { url, endpoints, requests } = await serve({
      resolver: dnsResolver({ servers: [server.address] }),
      backends: { ml: { url: 'http://ml.test', discover: { srv: '_http._tcp.ml.test' } } },
    })
    for (let i = 0; i < 40; i++) expect((await post(url, search)).status).toBe(200)
    expect(endpoints()).toEqual(stubs.map(({ port }) => `127.0.0.1:${port}`))
    expect(stubs.map(({ started }) => started)).toEqual([30, 10, 0])
    await Promise.all([a?.setFault('refuse'), b?.setFault('refuse')])
    for (let i = 0; i < 10; i++) expect((await post(url, search)).status).toBe(200)
    expect(spare?.started).toBe(10)
    expect(requests.at(-1)?.backend).toMatchObject({ name: 'ml', endpoint: `127.0.0.1:${spare?.port}` })
  })
})
