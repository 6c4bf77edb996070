import { dnsResolver } from '@immich-ml-router/core'
import { imageBytes, immichForm } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { dnsServer } from './support/dns-server.ts'
import { FakeResolver } from './support/fake-resolver.ts'
import { search, serve } from './support/replicas.ts'
import { stubMl, until } from './support/servers.ts'

describe('a name that cannot be resolved', () => {
  it('is told to the client and in the status, and heals by itself', async () => {
    const stub = await stubMl()
    const server = await dnsServer()
    const { url, router, changes, clock } = await serve({
      resolver: dnsResolver({ servers: [server.address] }),
      backends: { ml: { url: `http://ml.test:${stub.port}`, discover: 'dns' } },
    })
    const { status, headers, body } = await post(url, search)
    expect([status, headers['retry-after'], JSON.parse(body.toString())]).toEqual([
      503,
      '5',
      {
        code: 'no-backend-available',
        detail: 'No backend of route "default" is available: ml has no address (queryA ENOTFOUND ml.test).',
      },
    ])
    expect(router.status().backends).toMatchObject([
      { name: 'ml', endpoint: undefined, unresolved: 'ml has no address (queryA ENOTFOUND ml.test)' },
    ])
    expect((await fetch(`${url}/ping`)).status).toBe(503)
    server.zones = { 'ml.test': { A: ['127.0.0.1'] } }
    clock.advance(1_000)
    await until(() => changes.some(({ kind }) => kind === 'resolved'), 'it is resolved')
    expect((await post(url, search)).status).toBe(200)
    expect((await fetch(`${url}/ping`)).status).toBe(200)
    expect(changes.filter(({ kind }) => kind.endsWith('resolved'))).toMatchObject([
      { kind: 'unresolved', backend: 'ml', endpoint: undefined, error: { code: 'ENOTFOUND' } },
      { kind: 'resolved', added: [`127.0.0.1:${stub.port}`] },
    ])
  })

  it('is waited for where requests wait, with the whole body', async () => {
    const stub = await stubMl()
    const resolver = new FakeResolver()
    const { url, router, clock } = await serve({
      resolver,
      backends: { ml: { url: `http://ml.test:${stub.port}`, discover: 'dns' } },
      routes: [{ backends: ['ml'], hold: '1h' }],
    })
    const image = imageBytes(300_000)
    const answer = fetch(`${url}/predict`, { method: 'POST', body: immichForm('indexing', image) })
    await until(() => router.status().held['default'] === 1, 'it waits')
    resolver.hosts = { 'ml.test': ['127.0.0.1'] }
    clock.advance(1_000)
    expect((await answer).status).toBe(200)
    expect(stub.received[0]).toMatchObject({ complete: true, jobs: [{ task: 'clip' }] })
  })
})

describe('closing', () => {
  it('ends the resolution, also while it is under way, and leaves no timer and no connection', async () => {
    const stub = await stubMl()
    const server = await dnsServer({ 'ml.test': { A: ['127.0.0.1'] } })
    const { url, router, clock } = await serve({
      resolver: dnsResolver({ servers: [server.address] }),
      backends: { ml: { url: `http://ml.test:${stub.port}`, discover: 'dns' } },
    })
    expect((await post(url, search)).status).toBe(200)
    server.silent = true
    clock.advance(10_000)
    await until(() => server.asked.length === 2, 'it is resolved again')
    await router.close()
    expect(clock.pending).toBe(0)
    await until(async () => (await stub.connections()) === 0, 'its connections are closed')
    clock.advance(60_000)
    expect(server.asked).toHaveLength(2)
  })
})
