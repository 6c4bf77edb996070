import http from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { splitRequests } from '@immich-ml-router/core/split'
import { CONTENT_TYPE, ENTRIES, FakeClock, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { searchCache } from '@immich-ml-router/search-cache'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, until } from './support/servers.ts'
import { CLIP_AND_FACES, splitBackends, splitPool, splitStubs, twoTasks } from './support/split-pool.ts'
import { temporaryDirectory } from './support/temporary-file.ts'

const codeOf = (body: Buffer): unknown => JSON.parse(body.toString()).code
const FACES_AND_CLIP = { ...ENTRIES.faces, ...ENTRIES.indexing }

describe('a request that is split fails as one', () => {
  it('with the status and the body of the first task that fails', async () => {
    const { url, nas, gpu, inFlight, requests } = await splitPool()
    await gpu.setFault('hang')
    await nas.setFault({ kind: 'status', status: 422, detail: 'no face' })
    const { status, headers, body } = await post(url, twoTasks())
    expect([status, body.toString(), headers['x-immich-ml-backend']]).toEqual([
      422,
      '{"detail":"no face"}',
      'nas',
    ])
    await until(() => requests.length === 3, 'all are over')
    expect(inFlight()).toBe(0)
    const outcomes = requests.map(({ outcome, status, parts }) => [outcome?.kind, status, parts])
    expect(outcomes).toEqual(
      expect.arrayContaining([
        ['client-left', undefined, undefined],
        [undefined, 422, 2],
      ]),
    )
  })

  it('with 503 and Retry-After when a backend is drained and nothing is held', async () => {
    const { url, router, nas, inFlight, requests } = await splitPool()
    await router.drain('nas')
    const { status, headers, body } = await post(url, twoTasks())
    expect([status, codeOf(body), Number(headers['retry-after']) > 0]).toEqual([
      503,
      'no-backend-available',
      true,
    ])
    await until(() => requests.length === 3, 'all are over')
    expect([nas.received.length, inFlight()]).toEqual([0, 0])
    expect(requests.find(({ parts }) => parts !== undefined)).toMatchObject({
      error: { code: 'no-backend-available' },
    })
  })

  it('when an answer breaks off, or cannot be merged', async () => {
    const answers = ['{"clip":[1]} x', '{"other":1}']
    const backend = await listen((req, res) => {
      req
        .resume()
        .on('end', () => res.writeHead(200, { 'content-type': 'application/json' }).end(answers.shift()))
    })
    const { nas } = await splitStubs()
    const { router, url } = await serveRouter({
      backends: splitBackends({ gpu: { url: backend.url }, nas }),
      answers: { job: [] },
    })
    splitRequests(router)
    expect((await post(url, twoTasks())).status).toBe(502)
    expect((await post(url, twoTasks())).status).toBe(502)
  })

  it('when its client leaves: every lease is released', async () => {
    const { url, nas, gpu, inFlight, requests, router } = await splitPool()
    await nas.setFault('hang')
    await gpu.setFault('hang')
    const client = new AbortController()
    const answer = post(url, twoTasks(), { signal: client.signal })
    await until(() => nas.received.length === 1 && gpu.received.length === 1, 'both backends have their part')
    expect([inFlight(), router.status().active]).toEqual([2, 2])
    client.abort()
    await expect(answer).rejects.toThrow()
    await until(() => requests.length === 3, 'all are over')
    expect([inFlight(), router.status()]).toMatchObject([
      0,
      { active: 0, bodies: { memory: 0, disk: 0, files: 0 } },
    ])
    const ends = requests.map(({ status, outcome, error, parts }) => [
      status,
      outcome?.kind ?? error?.name,
      parts,
    ])
    expect(ends.sort()).toEqual([
      [undefined, 'ClientLeftError', 2],
      [undefined, 'client-left', undefined],
      [undefined, 'client-left', undefined],
    ])
  })

  it('when its client leaves during the upload', async () => {
    const { url, gpu, requests, router } = await splitPool()
    const body = twoTasks(500_000)
    const headers = { 'content-type': CONTENT_TYPE, 'content-length': body.length }
    const req = http.request(`${url}/predict`, { method: 'POST', headers }).on('error', () => {})
    req.write(body.subarray(0, 200_000))
    await until(() => router.status().bodies.memory >= 150_000, 'it arrives')
    req.destroy()
    await until(() => requests.length === 1, 'it is over')
    expect([gpu.started, requests[0]?.status, router.status().bodies]).toMatchObject([
      0,
      undefined,
      { memory: 0, disk: 0 },
    ])
  })

  it('when a reload removes the backend that a task waits for', async () => {
    const { url, nas, config, router, inFlight, requests } = await splitPool({ hold: '12h' })
    await nas.setFault('refuse')
    const answer = post(url, twoTasks())
    await until(() => router.status().held['default'] === 1, 'faces wait')
    router.reload({ ...config, backends: { gpu: config.backends['gpu'] ?? { url: '' } }, hold: '12h' })
    const { status, body } = await answer
    expect([status, codeOf(body), inFlight()]).toEqual([502, 'backend-failed', 0])
    await until(() => requests.length === 3, 'all are over')
  })
})

describe('a request that is split waits', () => {
  it('for a backend that is down, while the other task is answered', async () => {
    const { url, nas, gpu, router } = await splitPool(
      { hold: '12h' },
      { backend: { health: { interval: '100ms' } } },
    )
    await nas.setFault('refuse')
    await until(() => router.status().backends[1]?.health.probe?.kind === 'down', 'it is down')
    const answer = post(url, twoTasks())
    await until(
      () => router.status().held['default'] === 1 && gpu.received.length === 1,
      'one is sent, and one waits',
    )
    await nas.setFault(undefined)
    expect((await answer).status).toBe(200)
  })

  it.each([
    [200, 'a merged answer behind them'],
    [422, 'a cut when a task fails'],
  ])('with heartbeats, and %i makes %s', async (failure) => {
    const clock = new FakeClock()
    const waiting: (() => void)[] = []
    const slow = await listen((req, res) => {
      const answer = () =>
        res.writeHead(failure, { 'content-type': 'application/json' }).end('{"facial-recognition":[1.0]}')
      req.resume().on('end', () => waiting.push(answer))
    })
    const { gpu } = await splitStubs()
    const { router, url, requests } = await serveRouter({
      backends: splitBackends({ gpu, nas: { url: slow.url } }),
      heartbeat: { after: '20s', every: '30s' },
      clock,
    })
    splitRequests(router)
    const answer = post(url, twoTasks()).then(({ status, body }) => [status, body.toString()])
    const settled = answer.catch(() => 'cut')
    await until(() => waiting.length === 1 && gpu.received.length === 1, 'both have their part')
    clock.advance(81_000)
    for (const finish of waiting) finish()
    const given = await settled
    if (failure === 200)
      expect(given).toEqual([
        200,
        expect.stringMatching(/^ {3}\{"clip":.*,"facial-recognition":\[1\.0\],"imageHeight":/),
      ])
    else expect(given).toBe('cut')
    await until(() => requests.length === 3, 'all are over')
    expect(requests.map(({ heartbeats, parts }) => [heartbeats, parts])).toEqual([
      [0, undefined],
      [0, undefined],
      [3, 2],
    ])
  })

  it('for one slot after the other: two with opposite orders do not block each other', async () => {
    const { url, gpu, nas } = await splitPool(
      { hold: '12h' },
      { stub: { serviceTime: 5 }, backend: { maxConcurrent: 1 } },
    )
    const image = imageBytes(1_000)
    const bodies = [immichBody(CLIP_AND_FACES, image), immichBody(FACES_AND_CLIP, image)]
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => post(url, bodies[i % 2] ?? image)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect([gpu.received.length, nas.received.length]).toEqual([20, 20])
  })

  it('with the next task until this one has its lease', async () => {
    const { url, gpu, nas, router } = await splitPool({ hold: '12h' }, { backend: { maxConcurrent: 1 } })
    await gpu.setFault('hang')
    const client = new AbortController()
    post(url, immichBody('indexing', imageBytes(100)), { signal: client.signal }).catch(() => {})
    await until(() => gpu.received.length === 1, 'the GPU is busy')
    const answer = post(url, twoTasks())
    await until(() => router.status().held['default'] === 1, 'clip waits')
    expect(nas.started).toBe(0)
    await gpu.setFault(undefined)
    client.abort()
    expect([(await answer).status, nas.received.length]).toEqual([200, 1])
  })

  it('and a drain does not wait for it', async () => {
    const { url, gpu, nas, router } = await splitPool({ hold: '12h' })
    await nas.setFault('refuse')
    const answer = post(url, twoTasks())
    await until(() => router.status().held['default'] === 1 && gpu.received.length === 1, 'faces wait')
    let isDrained = false
    const closed = router.close({ timeout: 60_000, onDrained: () => (isDrained = true) })
    await until(() => isDrained, 'it has drained', 5)
    const { status, body } = await answer
    expect([status, codeOf(body)]).toEqual([503, 'router-closed'])
    await closed
  })

  it('through a drain', async () => {
    const { url, nas, router } = await splitPool()
    await nas.setFault('slow-body')
    const answer = post(url, twoTasks())
    await until(() => nas.received.length === 1, 'nas has it')
    await router.close()
    expect((await answer).status).toBe(200)
  })
})

describe('the body of a request that is split', () => {
  it.each([
    ['30 MB', { maxBodySize: '40mb' }, 30_000_000],
    [
      '30 MB with little memory',
      { maxBodySize: '40mb', totalBodyMemory: '4mb', bodyMemory: '1mb' },
      30_000_000,
    ],
    ['100 MB', { maxBodySize: '128mb' }, 100_000_000],
  ] as const)('may have %s', async (_, options, size) => {
    const { url, gpu, nas, router } = await splitPool(options)
    const body = twoTasks(size)
    expect((await post(url, body)).status).toBe(200)
    expect([gpu, nas].map(({ received }) => [received.length, received[0]?.complete])).toEqual([
      [1, true],
      [1, true],
    ])
    expect((gpu.received[0]?.size ?? 0) > size).toBe(true)
    await until(() => router.status().bodies.memory === 0, 'it is released')
    expect(router.status().bodies).toMatchObject({ memory: 0, disk: 0, files: 0 })
  })

  it('gets 503 where it can be kept neither in memory nor on disk', async () => {
    const { url, gpu, router } = await splitPool({
      bodySpool: false,
      totalBodyMemory: '2mb',
      bodyMemory: '1mb',
    })
    const { status, body } = await post(url, twoTasks(10_000_000))
    expect([status, codeOf(body), gpu.started]).toEqual([503, 'hold-full', 0])
    await until(() => router.status().bodies.memory === 0, 'it is released')
    expect((await post(url, twoTasks(100_000))).status).toBe(200)
  })

  it('may be a text', async () => {
    const answering = (task: string) =>
      listen((req, res) => {
        const body = gzipSync(`{"${task}": [1.50, -0.0]}`)
        req
          .resume()
          .on('end', () =>
            res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(body),
          )
      })
    const [clip, tags] = [await answering('clip'), await answering('tags')]
    const { router, url } = await serveRouter({
      backends: {
        gpu: { url: clip.url, tasks: ['clip'], health: false },
        nas: { url: tags.url, tasks: ['tags'], health: false },
      },
      routes: [{ backends: ['gpu', 'nas'], searchCache: { path: join(await temporaryDirectory(), 'a.db') } }],
    })
    searchCache(router)
    splitRequests(router)
    const body = immichBody(
      { tags: { textual: { modelName: 't' } }, clip: { textual: { modelName: 'm' } } },
      'cat',
    )
    const [first, second] = [await post(url, body), await post(url, body)]
    expect([first.status, first.body.toString(), first.headers['content-encoding']]).toEqual([
      200,
      '{"tags":[1.50, -0.0],"clip":[1.50, -0.0]}',
      undefined,
    ])
    expect([second.body.toString(), second.headers['x-immich-ml-backend']]).toEqual([
      first.body.toString(),
      'nas',
    ])
    const alone = await post(url, immichBody({ clip: { textual: { modelName: 'm' } } }, 'cat'))
    expect(alone.headers['x-immich-ml-cache']).toBe('fresh')
  })

  it('may have a task whose name is no valid Unicode', async () => {
    const answering = (answer: string) =>
      listen((req, res) => {
        req.resume().on('end', () => res.writeHead(200, { 'content-type': 'application/json' }).end(answer))
      })
    const [clip, other] = [await answering('{"clip":"[1]"}'), await answering('{"\\ud800":[1]}')]
    const { router, url } = await serveRouter({
      backends: { gpu: { url: clip.url, tasks: ['clip'] }, any: { url: other.url } },
      routes: [
        { match: { task: 'clip' }, backends: ['gpu'] },
        { match: ({ tasks }) => tasks.length === 1, backends: ['any'] },
        { backends: ['gpu'] },
      ],
      health: false,
    })
    splitRequests(router)
    const model = { visual: { modelName: 'm' } }
    const { status, body } = await post(url, immichBody({ clip: model, '\ud800': model }, imageBytes(100)))
    expect([status, body.toString()]).toEqual([200, '{"clip":"[1]","\\ud800":[1]}'])
  })
})
