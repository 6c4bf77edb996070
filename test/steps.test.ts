import type { RouterOptions } from '@immich-ml-router/core'
import { FakeClock, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const ANSWER = JSON.stringify({ clip: '[0.5]' })

/** A router whose clock stands still, over one backend whose answers begin and end when they are told to. */
async function stage(options: Partial<RouterOptions> = {}, more: RouterOptions['backends'] = {}) {
  const clock = new FakeClock()
  const answers: { begin(): void; end(): void }[] = []
  const { url: backend } = await listen((req, res) => {
    if (req.url !== '/predict') return void res.end('pong')
    req.resume().on('end', () =>
      answers.push({
        begin: () =>
          void res.writeHead(200, { 'content-type': 'application/json' }).write(ANSWER.slice(0, 5)),
        end: () => void res.end(ANSWER.slice(5)),
      }),
    )
  })
  const served = await serveRouter({
    backends: { ...more, gpu: { url: backend, maxConcurrent: 1 } },
    routes: [{ backends: [...Object.keys(more), 'gpu'], strategy: 'first' }],
    clock,
    heartbeat: false,
    ...options,
  })
  const { router, url, requests: events } = served
  const answer = async (index: number) => {
    await until(() => answers.length > index, 'the backend has the request')
    const it = answers[index]
    if (it === undefined) throw new Error('there is no such request')
    return it
  }
  return { clock, events, router, url, answer }
}

describe('the steps of a request', () => {
  it('tell how long it waited for a slot, for the first byte, and in all', async () => {
    const { clock, events, router, url, answer } = await stage()
    const body = immichBody('indexing', imageBytes(1_000))
    const first = post(url, body)
    const running = await answer(0)
    const second = post(url, body)
    await until(() => router.status().held['default'] === 1, 'the second waits')
    clock.advance(40)
    running.begin()
    running.end()
    await first
    const next = await answer(1)
    clock.advance(200)
    next.begin()
    await until(() => router.status().active === 1, 'the first is over')
    next.end()
    expect((await second).body.toString()).toBe(ANSWER)
    await until(() => events.length === 2, 'both are told of')
    expect(events.map(({ steps }) => steps)).toMatchObject([
      { classify: 0, queue: 0, hold: 0, backend: 40, firstByte: 40, total: 40 },
      { classify: 0, queue: 40, hold: 0, backend: 200, firstByte: 240, total: 240 },
    ])
    expect(events[1]).toMatchObject({
      start: 0,
      responseSize: ANSWER.length,
      heartbeats: 0,
      attempts: [{ start: 40, time: 200, connect: 0, firstByte: 200, received: ANSWER.length }],
    })
  })

  it('tell of each attempt, and of one that got no connection', async () => {
    const away = await stubMl({ fault: 'refuse' })
    const { events, url, answer } = await stage({}, { nas: { url: away.url } })
    const search = post(url, immichBody('textSearch', 'cat'))
    const running = await answer(0)
    running.begin()
    running.end()
    await search
    await until(() => events.length === 1, 'it is told of')
    expect(events[0]?.attempts).toMatchObject([
      { backend: 'nas', connect: undefined, firstByte: undefined, received: 0 },
      { backend: 'gpu', connect: 0, firstByte: 0, received: ANSWER.length },
    ])
  })

  it('tell how long it waited for a backend that was away, and how many signs of life it sent', async () => {
    const away = await stubMl({ fault: 'refuse' })
    const clock = new FakeClock()
    const { events, router, url } = await stage({
      clock,
      backends: { nas: { url: away.url } },
      routes: [{ backends: ['nas'], hold: '12h' }],
      heartbeat: { after: '1m', every: '30s' },
    })
    const search = post(url, immichBody('textSearch', 'cat'))
    await until(() => router.status().held['default'] === 1, 'it waits')
    clock.advance(3_600_000)
    await away.setFault(undefined)
    const ticking = setInterval(() => clock.advance(500), 1)
    expect((await search).status).toBe(200)
    clearInterval(ticking)
    await until(() => events.length === 1, 'it is told of')
    const [event] = events
    expect(event?.steps.hold).toBeGreaterThanOrEqual(3_600_000)
    expect(event?.heartbeats).toBeGreaterThanOrEqual(100)
  })

  it('leave out what it did not come to', async () => {
    const { events, url } = await stage({ maxBodySize: 100 })
    expect((await post(url, immichBody('indexing', imageBytes(1_000)))).status).toBe(413)
    await until(() => events.length === 1, 'it is told of')
    expect(events[0]).toMatchObject({
      steps: { classify: undefined, queue: 0, hold: 0, backend: undefined, firstByte: undefined },
      attempts: [],
      responseSize: 0,
    })
  })
})
