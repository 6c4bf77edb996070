import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { logRequests } from '@immich-ml-router/core/logging'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { immichBody } from '@immich-ml-router/core/testing'
import { classifyPredict, forward, immichMlRouter, selectBackend } from '@immich-ml-router/express'
import { searchCache } from '@immich-ml-router/search-cache'
import type Express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { countingMl, searchFor, searchPool } from './support/search-pool.ts'
import { listen } from './support/servers.ts'

const DAY = 86_400_000

describe('a saved answer', () => {
  // immich-app/immich issue 3815.
  it('answers with every backend off, with the same bytes', async () => {
    const { ml, search, get, requests } = await searchPool()
    const first = await get('cat')
    ml.broken = true
    const second = await get('cat')
    expect([second.status, second.body.toString()]).toEqual([200, first.body.toString()])
    expect(second.headers).toMatchObject({
      'content-type': 'application/json',
      'x-immich-ml-cache': 'fresh',
      'content-length': String(first.body.length),
    })
    expect(first.headers['x-immich-ml-cache']).toBeUndefined()
    expect(await search('dog')).toBe(502)
    expect(requests.map(({ cached, status, outcome }) => [cached, status, outcome?.kind])).toEqual([
      [undefined, 200, 'answered'],
      ['fresh', 200, undefined],
      [undefined, 502, 'failed'],
    ])
  })

  it('needs no backend while it is fresh: no request, no probe, no wake', async () => {
    const { ml, search, router, changes } = await searchPool()
    await search('cat')
    expect([await search('cat'), await search('cat'), ml.asked]).toEqual(['fresh', 'fresh', 1])
    await router.drain('gpu')
    const before = changes.length
    expect([await search('cat'), ml.asked, ml.pings, changes.length]).toEqual(['fresh', 1, 0, before])
  })

  it.each([
    ['another text', searchFor('cats')],
    ['another model', searchFor('cat', 'ViT-L-14__openai')],
    ['another language', searchFor('cat', 'ViT-B-32__openai', 'de')],
    ['the same JSON in other bytes', Buffer.from(searchFor('cat').toString().replace('{"clip"', '{ "clip"'))],
  ])('is not that of %s', async (_, other) => {
    const { ml, search } = await searchPool()
    await search('cat')
    expect([await search(other), await search(other), ml.asked]).toEqual(['backend', 'fresh', 2])
  })

  it('is the same whatever the boundary and the framing', async () => {
    const { search, url } = await searchPool()
    await search('cat')
    const boundary = '----formdata-undici-099999999999'
    const body = Buffer.from(
      searchFor('cat').toString().replaceAll('----formdata-undici-043847285935', boundary),
    )
    const options = {
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      framing: 'chunked',
    } as const
    for (const pieces of ['whole', 'bytes'] as const)
      expect((await post(url, body, { ...options, pieces })).headers['x-immich-ml-cache']).toBe('fresh')
  })

  it('is only for text searches', async () => {
    const { ml, search } = await searchPool()
    for (const job of ['indexing', 'faces', 'ocr'] as const) {
      expect(await search(immichBody(job))).toBe('backend')
      expect(await search(immichBody(job))).toBe('backend')
    }
    const twice = immichBody(
      { clip: { textual: { modelName: 'a' } }, other: { textual: { modelName: 'b' } } },
      'x',
    )
    expect([await search(twice), await search(twice), ml.asked]).toEqual(['backend', 'backend', 8])
  })

  it('is on the routes with the option alone', async () => {
    const { ml, search, router, options, path } = await searchPool()
    await search('cat')
    router.reload({ ...options, routes: [{ backends: ['gpu'] }] })
    expect([await search('cat'), await search('cat'), ml.asked]).toEqual(['backend', 'backend', 3])
    router.reload({ ...options, routes: [{ backends: ['gpu'], searchCache: { path } }] })
    expect(await search('cat')).toBe('fresh')
    router.reload({ ...options, routes: [{ backends: ['gpu'], searchCache: { path: `${path}.other` } }] })
    expect([await search('cat'), await search('cat')]).toEqual(['backend', 'fresh'])
  })

  it('is shared by routes with the same path', async () => {
    const { search, router, options, path, ml, url } = await searchPool()
    const cached = { backends: ['gpu'], searchCache: { path } }
    router.reload({
      ...options,
      routes: [
        { match: { model: 'ViT-L*' }, ...cached },
        { match: { header: { 'x-tenant': 'family' } }, ...cached },
        cached,
      ],
    })
    await search('cat')
    const family = await post(url, searchFor('cat'), {
      headers: { 'x-tenant': 'family' },
    })
    expect([family.headers['x-immich-ml-cache'], ml.asked]).toEqual(['fresh', 1])
  })

  it('is stale after maxAge: the backend answers, and it is fresh again', async () => {
    const { ml, search, time } = await searchPool({ cache: { maxAge: '30d' } })
    await search('cat')
    time.now += 30 * DAY
    expect(await search('cat')).toBe('fresh')
    time.now += 1
    expect([await search('cat'), await search('cat'), ml.asked]).toEqual(['backend', 'fresh', 2])
  })
})

describe('the cache', () => {
  it('keeps nothing that is not good', async () => {
    const failures: [number, string][] = [
      [500, '{"clip":"[1]"}'],
      [200, '<html>'],
      [200, '{"error":"no"}'],
      [422, '{"detail":"no"}'],
    ]
    for (const failure of failures) {
      const { ml, search } = await searchPool()
      ml.failure = failure
      await search('cat')
      ml.failure = undefined
      expect([failure, await search('cat')]).toEqual([failure, 'backend'])
    }
  })

  it('keeps an answer of the second attempt, and one with a content coding', async () => {
    const { ml, search, router, options, path } = await searchPool()
    const failing = await countingMl()
    failing.failure = [500, 'Internal Server Error']
    router.reload({
      ...options,
      backends: { bad: { url: failing.url, health: false }, gpu: { url: ml.url, health: false } },
      routes: [{ backends: ['bad', 'gpu'], strategy: 'first', searchCache: { path } }],
    })
    expect([await search('cat'), await search('cat'), ml.asked]).toEqual(['backend', 'fresh', 1])
    expect(failing.asked).toBeGreaterThan(0)
    ml.gzip = true
    expect([await search('dog'), await search('dog')]).toEqual(['backend', 'fresh'])
  })

  it('removes the answer that was not used for longest', async () => {
    const { search, time, router, options, path } = await searchPool({ cache: { maxEntries: 3 } })
    for (const word of ['a', 'b', 'c']) {
      time.now += 2 * 3_600_000
      await search(word)
    }
    time.now += 2 * 3_600_000
    expect(await search('a')).toBe('fresh')
    expect(await search('d')).toBe('backend')
    expect([await search('a'), await search('c'), await search('d')]).toEqual(['fresh', 'fresh', 'fresh'])
    router.reload({ ...options, routes: [{ backends: ['gpu'], searchCache: { path, maxEntries: 1 } }] })
    expect(await search('b')).toBe('backend')
    expect([await search('b'), await search('a'), await search('b')]).toEqual(['fresh', 'backend', 'backend'])
  })

  it('forgets the answers of a model, or all', async () => {
    const { search, router } = await searchPool()
    const words = ['a', 'b']
    for (const model of ['one', 'two']) for (const word of words) await search(searchFor(word, model))
    expect(router.modules.forgetAnswers('one')).toBe(2)
    expect(await search(searchFor('a', 'one'))).toBe('backend')
    expect(await search(searchFor('a', 'two'))).toBe('fresh')
    expect(router.modules.forgetAnswers()).toBe(3)
    expect(await search(searchFor('a', 'two'))).toBe('backend')
  })

  it('survives a restart, and moves a damaged file aside', async () => {
    const { search, router, options, path, ml } = await searchPool()
    await search('cat')
    await router.close({ timeout: 0 })
    const again = async () => {
      const { router, url } = await serveRouter(options)
      searchCache(router, { now: () => Date.UTC(2026, 0, 1) })
      const { headers } = await post(url, searchFor('cat'))
      const result = [headers['x-immich-ml-cache'], router.status().notices.map(({ message }) => message)]
      await router.close({ timeout: 0 })
      return result
    }
    expect(await again()).toEqual(['fresh', []])
    const bytes = await readFile(path)
    await writeFile(path, 'this is no database, and long enough to be read as one'.repeat(100))
    const message = `Search cache: ${path} was damaged. It is ${path}.damaged now, and a new file was begun.`
    expect(await again()).toEqual([undefined, [message]])
    expect(await again()).toEqual(['fresh', []])
    expect((await readdir(dirname(path))).sort()).toEqual(['searches.db', 'searches.db.damaged'])

    // A byte of an answer that the disk has changed.
    const at = bytes.indexOf('{"clip"')
    bytes[at + 10] = 0x39
    await writeFile(path, bytes)
    expect(await again()).toEqual([undefined, [message]])
    expect(ml.asked).toBe(3)
  })

  it('lets searches through when its file cannot be used', async () => {
    const { router, options, search } = await searchPool()
    router.reload({
      ...options,
      routes: [{ backends: ['gpu'], searchCache: { path: '/nowhere/searches.db' } }],
    })
    expect([await search('cat'), await search('cat')]).toEqual(['backend', 'backend'])
    expect(router.status().notices).toMatchObject([
      {
        kind: 'search-cache',
        level: 'warning',
        message: expect.stringContaining('/nowhere/searches.db: ENOENT'),
      },
    ])
  })

  it('leaves the database of another program alone', async () => {
    const { router, options, path } = await searchPool()
    const other = `${path}.other`
    const database = new DatabaseSync(other)
    database.exec('CREATE TABLE photos (id INTEGER)')
    database.close()
    const before = await readFile(other)
    router.reload({ ...options, routes: [{ backends: ['gpu'], searchCache: { path: other } }] })
    expect(router.status().notices[0]?.message).toContain('database of another program')
    expect(await readFile(other)).toEqual(before)
  })

  it('says once that no module serves the option', async () => {
    const ml = await countingMl()
    const notices: string[] = []
    const routes = [{ backends: ['gpu'], searchCache: { path: 'unused.db' } }] as const
    const { router, url } = await serveRouter({ backends: { gpu: { url: ml.url, health: false } }, routes })
    router.on('notice', ({ kind }) => notices.push(kind))
    for (let i = 0; i < 3; i++) expect((await post(url, searchFor('cat'))).status).toBe(200)
    expect([notices, ml.asked]).toEqual([['not-served'], 3])
    expect(router.status().notices[0]?.message).toContain(
      'searchCache(router) of @immich-ml-router/search-cache',
    )
  })

  it('counts cached answers apart in metrics and log lines', async () => {
    const { search, router, time, ml } = await searchPool()
    const { registry } = routerMetrics(router)
    const lines: Record<string, unknown>[] = []
    const log = (fields: object) => lines.push({ ...fields })
    logRequests(router, { debug: log, info: log, warn: log })
    await search('cat')
    await search('cat')
    time.now += 31 * DAY
    ml.broken = true
    await search('cat')
    expect(lines.map(({ outcome }) => outcome)).toEqual(['answered', 'cached-fresh', 'cached-stale'])
    const { values } = (await registry.getSingleMetric('immich_ml_router_requests_total')?.get()) ?? {
      values: [],
    }
    expect(values.map(({ labels, value }) => [labels['outcome'], value])).toEqual([
      ['answered', 1],
      ['cached', 1],
      ['cached_stale', 1],
    ])
  })

  it('answers while the router drains, and between the steps of a router', async () => {
    const { ml, search, options, path } = await searchPool()
    await search('cat')
    const middleware = immichMlRouter({ ...options, routes: [{ backends: ['gpu'], searchCache: { path } }] })
    onTestFinished(() => middleware.router.close({ timeout: 0 }))
    searchCache(middleware.router, { now: () => Date.UTC(2026, 0, 1) })
    const steps: string[] = []
    const express: typeof Express = createRequire(import.meta.url)('express5')
    const app = express()
    app.use(classifyPredict(middleware))
    app.use((_req, _res, next) => next(void steps.push('classified')))
    app.use(selectBackend(middleware))
    app.use((_req, _res, next) => next(void steps.push('selected')))
    app.use(forward(middleware))
    const { url } = await listen(app)
    expect((await post(url, searchFor('cat'))).headers['x-immich-ml-cache']).toBe('fresh')
    expect((await post(url, searchFor('dog'))).headers['x-immich-ml-cache']).toBeUndefined()
    expect([steps, ml.asked]).toEqual([['classified', 'classified', 'selected'], 2])
  })
})
