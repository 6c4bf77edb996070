import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { CONTENT_TYPE, immichBody } from '../testing/index.ts'
import type { AnswerSource, Search } from './answer-source.ts'
import { createRouter } from './create-router.ts'

/** A router without a backend that can be reached, and a source with one answer. */
async function pool(isFresh: boolean, options: { readonly hold?: false | '1h' } = {}) {
  const searches: Search[] = []
  const answers: AnswerSource = {
    find: (search) => {
      searches.push({ ...search, body: Buffer.from(search.body) })
      return { answer: { body: Buffer.from('{"clip":"[1]"}'), isFresh }, keep: () => {} }
    },
    forget: () => 0,
  }
  const router = createRouter({
    backends: { gpu: { url: 'http://127.0.0.1:9', health: false } },
    routes: [{ backends: ['gpu'], searchCache: { path: 'a.db', maxAge: '1h' } }],
    explainHeader: 'always',
    ...options,
  })
  router.modules.attach({ serves: 'searchCache', answers })
  const server = http.createServer((req, res) => router.handle(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await router.close({ timeout: 0 })
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/predict`
  const search = (body = immichBody('textSearch')) =>
    fetch(url, { method: 'POST', headers: { 'content-type': CONTENT_TYPE }, body })
  return { router, search, searches }
}

it.each([
  [true, false, 'fresh'],
  [true, '1h', 'fresh'],
  [false, false, 'stale'],
  [false, '1h', 'stale'],
] as const)('answers where fresh is %s and hold is %s', async (isFresh, hold, age) => {
  const { search, searches, router } = await pool(isFresh, { hold })
  const response = await search()
  expect([response.status, await response.text()]).toEqual([200, '{"clip":"[1]"}'])
  expect(response.headers.get('x-immich-ml-cache')).toBe(age)
  expect(searches).toEqual([
    {
      options: { path: 'a.db', maxEntries: 100_000, maxAge: 3_600_000 },
      contentType: CONTENT_TYPE,
      body: immichBody('textSearch'),
      model: 'ViT-B-32__openai',
    },
  ])
  expect(router.status().active).toBe(0)
})

it('asks for no other jobs', async () => {
  const { search, searches } = await pool(true, { hold: false })
  expect((await search(immichBody('ocr'))).status).toBe(502)
  expect((await search(immichBody('textSearch', 'x'.repeat(70_000)))).status).toBe(502)
  expect(searches).toEqual([])
})
