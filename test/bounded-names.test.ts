import { createRouter, type RequestEvent } from '@immich-ml-router/core'
import { logRequests } from '@immich-ml-router/core/logging'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { multipart, type StubMlServerOptions } from '@immich-ml-router/core/testing'
import { statusPage } from '@immich-ml-router/status-page'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adapters } from './adapters/all.ts'
import { post } from './support/client.ts'
import { eventStream } from './support/event-stream.ts'
import { listen, stubMl } from './support/servers.ts'

const IMAGE = { header: 'image', content: 'bytes' }

function requestFor(entries: object): Buffer {
  return multipart([{ header: 'entries', content: JSON.stringify(entries) }, IMAGE])
}

/** A router that tells everything it can, in every way it can. */
async function talkative(fault: NonNullable<StubMlServerOptions['fault']>) {
  const stub = await stubMl({ fault })
  const name = `route-${'r'.repeat(100_000)}`
  const router = createRouter({
    heartbeat: false,
    hold: false,
    health: false,
    explainHeader: 'always',
    backends: { gpu: { url: stub.url } },
    routes: [{ name, backends: ['gpu'] }],
  })
  const page = statusPage(router)
  const { registry, close } = routerMetrics(router, { models: true })
  const told: string[] = []
  const note = (fields: object, message: string) => void told.push(`${JSON.stringify(fields)}${message}`)
  logRequests(router, { debug: note, info: note, warn: note })
  const events: Omit<RequestEvent, 'req' | 'res' | 'classification'>[] = []
  router.on('request', ({ req: _, res: __, classification: ___, ...event }) => void events.push(event))
  router.on('backend', (event) => void told.push(JSON.stringify(event)))
  onTestFinished(async () => {
    page.close()
    close()
    await router.close({ timeout: 0 })
  })
  const { url } = await listen((req, res) => page(req, res, () => router.handle(req, res)))
  return { url, router, registry, told, events }
}

const hostile: Record<string, (index: number) => object> = {
  'models with names of 900 KB': (index) => ({
    clip: { visual: { modelName: `${index}${'m'.repeat(900_000)}` } },
  }),
  'a task with a name of 8,000 characters and 20,000 types': (index) => ({
    [`${index}${'t'.repeat(8_000)}`]: Object.fromEntries(
      Array.from({ length: 20_000 }, (_, type) => [`type-${type}`, { modelName: 'm' }]),
    ),
  }),
  '10,000 tasks': (index) =>
    Object.fromEntries(
      Array.from({ length: 10_000 }, (_, task) => [`task-${index}-${task}`, { a: { modelName: 'm' } }]),
    ),
}

const backends: Record<string, NonNullable<StubMlServerOptions['fault']>> = {
  'fails at everything': 'error',
  'lacks everything': { kind: 'status', status: 501, detail: 'no' },
}

describe.each(Object.entries(hostile))('%s', (_, entriesOf) => {
  it.each(Object.entries(backends))('stay short everywhere, with a backend that %s', async (_, fault) => {
    const { url, router, registry, told, events } = await talkative(fault)
    const stream = await eventStream(`${url}/_router/events`, JSON.parse)
    for (let index = 0; index < 4; index++) {
      const { headers } = await post(url, requestFor(entriesOf(index)))
      expect(String(headers['x-immich-ml-route']).length).toBeLessThan(4_096)
    }
    await stream.next(({ decisions }) => decisions.length > 0, 'the page shows them')
    const first = await eventStream(`${url}/_router/events`, JSON.parse)
    await first.next(() => true, 'the page is told the whole')
    expect(stream.text().length).toBeLessThan(50_000)
    expect(first.text().length).toBeLessThan(50_000)
    expect(JSON.stringify(router.status()).length).toBeLessThan(20_000)
    expect(JSON.stringify(events).length).toBeLessThan(20_000)
    expect((await registry.metrics()).length).toBeLessThan(200_000)
    expect(told.length).toBeGreaterThan(3)
    expect(Math.max(...told.map(({ length }) => length))).toBeLessThan(6_000)
  })
})

describe.each(['Express 5', 'Koa 3'])('a classification that a middleware of %s has set', (name) => {
  it('with 30,000 entries is told of in few characters', async () => {
    const stub = await stubMl({ fault: { kind: 'status', status: 501, detail: 'no' } })
    const task = 't'.repeat(8_000)
    const entries = Array.from({ length: 30_000 }, (_, index) => ({
      task,
      type: `type-${index}`,
      model: 'm',
      options: {},
    }))
    const told: string[] = []
    const compose = adapters.find((adapter) => adapter.name === name)?.compose
    if (typeof compose !== 'function') throw new Error('the adapter has parts')
    const composed = compose({
      policy: { backends: { gpu: { url: stub.url, health: false } }, retries: 0 },
      environment: { onBackendChange: (event) => told.push(JSON.stringify(event)) },
      classify: { explainHeader: 'always' },
      afterClassify: (exchange) => {
        exchange.classification = { classified: true, entries, tasks: [task], input: 'image' }
      },
    })
    onTestFinished(() => composed.close())
    const { url } = await listen(composed.listener)
    const { status, headers } = await post(url, requestFor({ clip: { visual: { modelName: 'm' } } }))
    expect([status, String(headers['x-immich-ml-route']).length < 4_096]).toEqual([501, true])
    expect(told.map(({ length }) => length < 1_000)).toEqual([true])
  })
})
