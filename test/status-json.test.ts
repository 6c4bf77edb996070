import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { Ajv } from 'ajv'
import { expect, it } from 'vitest'
import { statusSchema } from '../packages/status-page/scripts/schema.ts'
import { post } from './support/client.ts'
import { search, serve } from './support/served-page.ts'
import { stubMl, until } from './support/servers.ts'

const image = immichBody('indexing', imageBytes(1_000))
/** Refuses members that the types do not have. */
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(statusSchema(false))

/** The mistakes in `GET /_router/status.json` by the schema; none if there are none. */
function mistakesIn(report: unknown): string[] {
  validate(report)
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

async function reportOf(url: string): Promise<unknown> {
  return (await fetch(`${url}/_router/status.json`)).json()
}

it('an idle router reports by the schema', async () => {
  const { url, router } = await serve({}, { config: '/config/router.yaml' })
  router.notices.set({ kind: 'demo', level: 'info', message: 'Demo.' })
  const report = await reportOf(url)
  expect(mistakesIn(report)).toEqual([])
  expect(report).toMatchObject({
    about: { config: '/config/router.yaml' },
    routes: [{ words: 'everything: gpu' }],
  })
})

it('a busy router reports by the schema', async () => {
  const [fast, slow] = [await stubMl(), await stubMl({ serviceTime: 60_000 })]
  const { url, router, clock } = await serve({
    queue: { maxWait: '1h' },
    backends: {
      gpu: { url: slow.url, maxConcurrent: 1, tasks: ['clip'] },
      nas: { url: fast.url, wake: { mac: '00:11:22:33:44:55' } },
    },
    routes: [
      { name: 'search', match: { task: 'clip', type: 'textual' }, backends: ['nas'] },
      { name: 'rest', backends: ['gpu'] },
    ],
  })
  for (let i = 0; i < 5; i++) await post(url, search)
  clock.advance(9_500)
  const leaving = new AbortController()
  const images = [1, 2].map(() => post(url, image, { signal: leaving.signal }).catch(() => {}))
  await until(() => router.status().routes[1]?.waiting.full === 1, 'the second image waits')
  clock.advance(1_500)
  const report = await reportOf(url)
  expect(mistakesIn(report)).toEqual([])
  expect(report).toMatchObject({
    backends: [
      { inFlight: 1, queued: 1, held: 0, serves: ['clip'], minute: { busy: 0.136, load: 0.136 } },
      { models: ['ViT-B-32__openai'], wakes: true, minute: { jobs: 5, share: 1 } },
    ],
    spans: [{ fates: { answered: 5 } }, { backends: { gpu: { jobs: 0, busy: 1, limit: 1 } } }],
  })
  leaving.abort()
  await Promise.all(images)
})

it('a router with broken backends reports by the schema', async () => {
  const [dead, broken] = [await stubMl({ fault: 'refuse' }), await stubMl({ fault: 'error' })]
  const { url, router } = await serve({
    canary: false,
    backends: { dead: { url: dead.url }, broken: { url: broken.url }, off: { url: 'http://127.0.0.1:9' } },
    routes: [{ name: 'all', backends: ['dead', 'broken', 'off'], strategy: 'first' }],
  })
  await router.drain('off')
  for (let i = 0; i < 6; i++) await post(url, image)
  await post(url, Buffer.from('not a form'), { headers: { 'content-type': 'text/plain' } })
  expect(mistakesIn(await reportOf(url))).toEqual([])
})

it('a member that the schema does not have is a mistake', async () => {
  const { url } = await serve()
  const report = Object.assign(Object(await reportOf(url)), { invented: 1, active: 'none' })
  expect(mistakesIn(report)).toEqual([' must NOT have additional properties', '/active must be number'])
})
