import type { RouterOptions } from '@immich-ml-router/core'
import { expect, it } from 'vitest'
import type { TestView } from '../packages/status-page/src/wire.ts'
import { post } from './support/client.ts'
import { search, serve } from './support/served-page.ts'
import { stubMl, until } from './support/servers.ts'

const TOKEN = 'open-sesame'
const headers = { authorization: `Bearer ${TOKEN}` }

async function serveTests(options: Partial<RouterOptions> = {}) {
  const served = await serve(options, { adminToken: TOKEN })
  const send = () => fetch(`${served.url}/_router/test`, { method: 'POST', headers })
  const run = async (): Promise<TestView[]> => {
    const response = await send()
    expect(response.status).toBe(200)
    const { tests }: { tests: TestView[] } = JSON.parse(await response.text())
    return tests
  }
  const report = async () => JSON.parse(await (await fetch(`${served.url}/_router/status.json`)).text())
  return { ...served, send, run, report }
}

/** Job, fate, status, route, and each attempt of a test. */
function summary({ job, decision }: TestView) {
  const { fate, status, route, attempts } = decision
  return [job, fate, status, route, attempts.map(({ backend, outcome }) => `${backend} ${outcome}`)]
}

it('sends a search and an image by the routes, and counts neither as traffic', async () => {
  const [text, image] = await Promise.all([stubMl(), stubMl()])
  const { run, report, router } = await serveTests({
    path: '/ml',
    backends: { text: { url: text.url }, image: { url: image.url } },
    routes: [
      { name: 'searches', match: { type: 'textual' }, backends: ['text'] },
      { name: 'images', backends: ['image'] },
    ],
  })
  const tests = await run()
  expect(tests.map(summary)).toEqual([
    ['search', 'answered', 200, 'searches', ['text answered']],
    ['indexing', 'answered', 200, 'images', ['image answered']],
  ])
  expect(tests[1]?.explanation).toContain('"images" takes it')
  expect([text, image].map(({ received }) => received.map(({ jobs }) => jobs))).toMatchObject([
    [[{ task: 'clip', type: 'textual', model: 'ViT-B-32__openai' }]],
    [[{ task: 'clip', type: 'visual', model: 'ViT-B-32__openai' }]],
  ])
  expect(image.received[0]?.headers['x-immich-ml-test']).toBe('1')
  expect(router.status().active).toBe(0)
  expect(await report()).toMatchObject({
    decisions: [],
    backends: [{ minute: { jobs: 0 } }, { minute: { jobs: 0 } }],
    setup: { path: '/ml/' },
  })
})

it('shows the failover of a dead and of a refusing backend', async () => {
  const [refusing, good] = await Promise.all([stubMl({ fault: 'error' }), stubMl()])
  const dead = await stubMl()
  await dead.close()
  const { run } = await serveTests({
    backends: { dead: { url: dead.url }, refusing: { url: refusing.url }, good: { url: good.url } },
    routes: [{ backends: ['dead', 'refusing', 'good'], strategy: 'first' }],
  })
  for (const { decision } of await run()) {
    expect(decision.fate).toBe('rescued')
    const [first, second] = decision.attempts
    expect(first).toMatchObject({ backend: 'dead', outcome: 'failed', cause: 'connect' })
    expect(second).toMatchObject({ backend: 'refusing', outcome: 'passed-over', status: 500 })
    expect(decision.attempts.at(-1)).toMatchObject({ backend: 'good', outcome: 'answered', status: 200 })
  }
})

it('says why no backend answers', async () => {
  const dead = await stubMl()
  await dead.close()
  const { run } = await serveTests({ backends: { dead: { url: dead.url } } })
  expect((await run()).map(({ decision: { fate, status } }) => [fate, status])).toEqual([
    ['failed', 502],
    ['failed', 502],
  ])
})

it('ends after 55 s while no backend answers, and tells where it waits', async () => {
  const slow = await stubMl({ fault: 'hang' })
  const { run, clock, router } = await serveTests({ backends: { slow: { url: slow.url } } })
  const running = run()
  await until(() => slow.started === 2, 'both are at the backend')
  clock.advance(55_000)
  const tests = await running
  expect(tests.map(({ decision: { fate } }) => fate)).toEqual(['left', 'left'])
  await until(() => router.status().active === 0, 'nothing is left of it')
})

it('runs once in 10 s, for all viewers, with the token', async () => {
  const { send, url, clock } = await serveTests()
  expect((await fetch(`${url}/_router/test`, { method: 'POST' })).status).toBe(401)
  expect((await fetch(`${url}/_router/test`, { headers })).status).toBe(405)
  const both = await Promise.all([send(), send()])
  expect(both.map(({ status }) => status).sort()).toEqual([200, 429])
  clock.advance(9_001)
  const refused = await send()
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  clock.advance(1_000)
  expect((await send()).status).toBe(200)
})

it('takes the model that Immich uses', async () => {
  const { run, url, stub } = await serveTests()
  const body = Buffer.from(
    search.toString('latin1').replace('ViT-B-32__openai', 'ViT-L-14__openai'),
    'latin1',
  )
  expect((await post(url, body)).status).toBe(200)
  expect((await run()).map(({ model }) => model)).toEqual(['ViT-L-14__openai', 'ViT-L-14__openai'])
  expect(stub.received).toHaveLength(3)
})

it('ends when the page closes', async () => {
  const slow = await stubMl({ fault: 'hang' })
  const { send, page, router } = await serveTests({ backends: { slow: { url: slow.url } } })
  const running = send()
  await until(() => slow.started === 2, 'both are at the backend')
  page.close()
  expect((await running).status).toBe(502)
  await until(() => router.status().active === 0, 'nothing is left of it')
})
