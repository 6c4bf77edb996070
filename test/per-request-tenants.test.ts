import { createRouter, parseConfig, type RequestEvent } from '@immich-ml-router/core'
import { logRequests } from '@immich-ml-router/core/logging'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { startGateway } from '@immich-ml-router/gateway-kit'
import pino from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { households } from './support/households.ts'
import { gate } from './support/queue-gate.ts'
import { stubMl, until } from './support/servers.ts'

it('a gateway with two base paths serves two Immich instances, and counts their tenants', async () => {
  const stubs = { family: await stubMl(), rest: await stubMl() }
  const options = parseConfig({
    backends: { family: { url: stubs.family.url }, rest: { url: stubs.rest.url } },
    routes: [{ match: { path: '/family/*' }, backends: ['family'] }, { backends: ['rest'] }],
    path: ['/', '/family'],
    tenant: { header: 'X-Tenant' },
  })
  const gateway = await startGateway({
    makeApp: (given) => {
      const router = createRouter(given)
      return { router, listener: (req, res) => router.handle(req, res) }
    },
    config: { port: 0, source: 'the test', options },
    logger: pino({ level: 'silent' }),
  })
  onTestFinished(() => gateway.close())
  // The ML client of Immich 3 resolves its path against the URL, which ends in a slash.
  const index = async (immich: string, tenant: string) => {
    const body = immichForm('indexing', imageBytes(300_000))
    const url = new URL('predict', immich)
    const response = await fetch(url, { method: 'POST', body, headers: { 'x-tenant': tenant } })
    await response.json()
    return response.headers.get('x-immich-ml-backend')
  }
  const { port } = new URL(gateway.url)
  const base = `http://127.0.0.1:${port}`
  expect([await index(`${base}/family/`, 'a'), await index(`${base}/`, 'b')]).toEqual(['family', 'rest'])
  const metrics = async () => (await fetch(gateway.metricsUrl.replace('localhost', '127.0.0.1'))).text()
  await until(async () => (await metrics()).includes('tenant="b"'), 'both are counted')
  expect(await metrics()).toMatch(/requests_total\{route="\/family\/\*",backend="family",[^}]*tenant="a"/)
})

describe('tenants', () => {
  it('take turns within one priority, whatever their addresses are', async () => {
    const { send, next, order, held } = await gate({ maxConcurrent: 1 }, { tenant: { header: 'x-tenant' } })
    const answers = [send('indexing', 'importer 0', false, { 'x-tenant': 'importer' })]
    await until(() => order.length === 1, 'the first is there')
    const queue = async (job: 'textSearch' | 'indexing', name: string, headers: Record<string, string>) => {
      const before = held()
      answers.push(send(job, name, true, headers))
      await until(() => held() > before, `${name} waits`)
    }
    for (const [tenant, count] of [
      ['importer', 4],
      ['family', 2],
      [undefined, 2],
    ] as const)
      for (let i = 1; i <= count; i++) {
        const headers = tenant === undefined ? {} : { 'x-tenant': tenant }
        await queue('indexing', `${tenant ?? 'none'} ${i}`, headers)
      }
    await queue('textSearch', 'search', { 'x-tenant': 'importer' })
    for (let i = 0; i < 10; i++) await next()
    await Promise.all(answers)
    expect(order).toEqual([
      ...['importer 0', 'search', 'family 1', 'none 1', 'importer 1'],
      ...['family 2', 'none 2', 'importer 2', 'importer 3', 'importer 4'],
    ])
  })

  it('are in the events, the waiting requests, the log and the metrics', async () => {
    const { send, next, router, order, held } = await gate(
      { maxConcurrent: 1 },
      { tenant: (_classification, { headers }) => String(headers['x-tenant'] ?? '') },
    )
    const events: RequestEvent[] = []
    router.on('request', (event) => events.push(event))
    const logged: unknown[] = []
    const log = (fields: unknown) => void logged.push(fields)
    logRequests(router, { debug: log, info: log, warn: log })
    const { registry } = routerMetrics(router, { tenants: true })
    const first = send('indexing', 'a', false)
    await until(() => order.length === 1, 'the first is there')
    const second = send('indexing', 'b', true, { 'x-tenant': 'family' })
    await until(() => held() === 1, 'the second waits')
    expect([...router.waiting()].map(({ tenant }) => tenant)).toEqual(['family'])
    for (let i = 0; i < 2; i++) await next()
    await Promise.all([first, second])
    await until(() => events.length === 2, 'both are over')
    expect(events.map(({ tenant }) => tenant)).toEqual([undefined, 'family'])
    expect(logged.filter((fields) => JSON.stringify(fields).includes('"tenant":"family"'))).toHaveLength(1)
    const text = await registry.metrics()
    expect(text).toMatch(/requests_total\{[^}]*tenant="none",outcome="answered"\} 1/)
    expect(text).toMatch(/requests_total\{[^}]*tenant="family",outcome="answered"\} 1/)
  })

  it('that a function cannot name fail the request', async () => {
    const { url } = await households(undefined, {
      tenant: () => {
        throw new Error('no tenant')
      },
    })
    const warned = new Promise((resolve) => process.once('warning', resolve))
    expect((await post(url, immichBody('ocr', imageBytes(100)))).status).toBe(500)
    expect(await warned).toMatchObject({ message: 'no tenant' })
  })
})
