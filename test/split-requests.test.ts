import { logRequests } from '@immich-ml-router/core/logging'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { splitRequests } from '@immich-ml-router/core/split'
import {
  ENTRIES,
  type ImmichEntries,
  imageBytes,
  immichBody,
  immichForm,
  multipart,
} from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { CLIP_AND_FACES, splitBackends, splitPool, splitStubs, twoTasks } from './support/split-pool.ts'

const IMAGE_FILE = 'Content-Disposition: form-data; name="image"; filename="blob"\r\nContent-Type: image/jpeg'

describe('a request whose tasks no single backend serves', () => {
  it('gets 503 without the module', async () => {
    const { url } = await serveRouter({ backends: splitBackends(await splitStubs()) })
    const { status, body } = await post(url, twoTasks())
    expect([status, JSON.parse(body.toString())]).toEqual([
      503,
      {
        detail:
          'No backend of route "default" is available: none of its backends serves clip and facial-recognition.',
        code: 'no-backend-available',
      },
    ])
  })

  it('is split by task, and the client gets the bytes that one ML server would have sent', async () => {
    const { url, gpu, nas } = await splitPool()
    const whole = await stubMl()
    const { status, headers, body } = await post(url, twoTasks())
    expect(status).toBe(200)
    expect(body.toString()).toBe((await post(whole.url, twoTasks())).body.toString())
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(body.length),
      'x-immich-ml-backend': 'gpu, nas',
    })
    const [clip, faces] = [ENTRIES.indexing, ENTRIES.faces].map((job) =>
      sha256(immichBody(job, imageBytes(1_000))),
    )
    expect([gpu.received.map(({ sha256 }) => sha256), nas.received.map(({ sha256 }) => sha256)]).toEqual([
      [clip],
      [faces],
    ])
  })

  it('keeps the order of the tasks, over three backends and for clients such as fetch', async () => {
    const stubs = await splitStubs()
    const ocr = await stubMl()
    const { router, url, requests } = await serveRouter({
      backends: { ...splitBackends(stubs), box: { url: ocr.url, tasks: ['ocr'], health: false } },
    })
    splitRequests(router)
    const entries: ImmichEntries = { ...ENTRIES.ocr, ...ENTRIES.indexing, ...ENTRIES.faces }
    const response = await fetch(`${url}/predict`, {
      method: 'POST',
      body: immichForm(entries, imageBytes(5_000)),
    })
    expect(Object.keys(Object(await response.json()))).toEqual([
      'ocr',
      'clip',
      'facial-recognition',
      'imageHeight',
      'imageWidth',
    ])
    expect(response.headers.get('x-immich-ml-backend')).toBe('box, gpu, nas')
    expect(requests.map(({ parts, classification }) => [parts, classification?.tasks.length])).toEqual([
      [undefined, 1],
      [undefined, 1],
      [undefined, 1],
      [3, 3],
    ])
  })

  it.each([
    ['chunked, byte by byte', { framing: 'chunked', pieces: 'bytes' }],
    ['with a length', {}],
  ] as const)('arrives %s', async (_, sending) => {
    const { url } = await splitPool()
    expect((await post(url, twoTasks(50_000), sending)).status).toBe(200)
  })

  it('may have the image first, further fields and white space', async () => {
    const { url, gpu, nas } = await splitPool()
    const image = { header: IMAGE_FILE, content: imageBytes(100_000) }
    const other = { header: 'deviceId', content: 'phone' }
    const form = (content: string) => multipart([image, other, { header: 'entries', content }])
    const [clip, faces] = [
      JSON.stringify(ENTRIES.indexing.clip),
      JSON.stringify(ENTRIES.faces['facial-recognition']),
    ]
    const { status } = await post(url, form(`\n{ "clip" : ${clip},\t"facial-recognition": ${faces} }\n`))
    expect([status, gpu.received[0]?.sha256, nas.received[0]?.sha256]).toEqual([
      200,
      sha256(form(`{"clip":${clip}}`)),
      sha256(form(`{"facial-recognition":${faces}}`)),
    ])
  })

  it.each([
    ['a task twice', '{"clip":{},"facial-recognition":F,"clip":C}'],
    ['a task without types', '{"clip":C,"ocr":{},"facial-recognition":F}'],
    ['an escaped name', '{"\\u0063lip":C,"facial-recognition":F}'],
  ])('may have %s', async (_, written) => {
    const { url, gpu, nas } = await splitPool()
    const content = written
      .replace('C', JSON.stringify(ENTRIES.indexing.clip))
      .replace('F', JSON.stringify(ENTRIES.faces['facial-recognition']))
    const { status } = await post(
      url,
      multipart([
        { header: 'entries', content },
        { header: IMAGE_FILE, content: imageBytes(100) },
      ]),
    )
    expect([status, gpu.received.length, nas.received.length]).toEqual([200, 1, 1])
  })

  it.each([
    ['a task that no backend serves', JSON.stringify({ ...CLIP_AND_FACES, ...ENTRIES.ocr })],
    ['__proto__', `{"clip":${JSON.stringify(ENTRIES.indexing.clip)},"__proto__":{"a":{"modelName":"b"}}}`],
  ])('gets 503 with %s', async (_, content) => {
    const { url, gpu } = await splitPool()
    const body = multipart([
      { header: 'entries', content },
      { header: IMAGE_FILE, content: imageBytes(100) },
    ])
    const answer = await post(url, body)
    expect([answer.status, JSON.parse(answer.body.toString()).code, gpu.received.length]).toEqual([
      503,
      'no-backend-available',
      0,
    ])
  })

  it('gets 503 in another format than a form', async () => {
    const { url } = await splitPool()
    const body = Buffer.from(`entries=${encodeURIComponent(JSON.stringify(CLIP_AND_FACES))}&text=cat`)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await post(url, body, { headers })).status).toBe(503)
  })

  it('is not split where one backend serves all of its tasks', async () => {
    const stubs = await splitStubs()
    const all = await stubMl()
    const { router, url, requests } = await serveRouter({
      backends: { ...splitBackends(stubs), all: { url: all.url, health: false } },
    })
    splitRequests(router)
    expect((await post(url, twoTasks())).headers['x-immich-ml-backend']).toBe('all')
    await all.setFault('refuse')
    expect((await post(url, twoTasks())).status).toBe(502)
    expect(requests.map(({ parts }) => parts)).toEqual([undefined, undefined])
  })

  it('sends each task by its own route, with the headers of the client', async () => {
    const stubs = await splitStubs()
    const { router, url, requests } = await serveRouter({
      backends: splitBackends(stubs),
      path: '/family',
      tenant: { header: 'x-tenant' },
      forwardHeaders: ['authorization'],
      routes: [
        {
          name: 'faces',
          match: { task: 'facial-recognition', header: { 'x-tenant': 'a' }, path: '/family/*' },
          backends: ['nas'],
        },
        { name: 'clip', match: { task: 'clip' }, backends: ['gpu'] },
        { name: 'rest', backends: ['gpu', 'nas'] },
      ],
    })
    splitRequests(router)
    const headers = {
      'x-tenant': 'a',
      authorization: 'Basic x',
      cookie: 'c=1',
      'x-mine': 'yes',
      connection: 'x-hop',
      'x-hop': '1',
    }
    const { status } = await post(url, twoTasks(), { path: '/family/predict?q=1', headers })
    expect([status, requests.map(({ route, tenant, client }) => [route, tenant, client])]).toEqual([
      200,
      [
        ['clip', 'a', '127.0.0.1'],
        ['faces', 'a', '127.0.0.1'],
        ['rest', 'a', '127.0.0.1'],
      ],
    ])
    const [got] = stubs.nas.received
    expect(got?.headers).toMatchObject({
      authorization: 'Basic x',
      'x-mine': 'yes',
      'content-length': String(got?.size),
    })
    for (const name of ['cookie', 'x-hop', 'transfer-encoding', 'expect'])
      expect(got?.headers[name]).toBeUndefined()
  })

  it('is no longer split once the module has ended', async () => {
    const { url, end } = await splitPool()
    end()
    expect((await post(url, twoTasks())).status).toBe(503)
  })
})

describe('what is seen of a request that is split', () => {
  it('is one line and one series besides those of its parts', async () => {
    const { router, url } = await splitPool()
    const { registry } = routerMetrics(router)
    const lines: Record<string, unknown>[] = []
    const log = (fields: object) => lines.push({ ...fields })
    logRequests(router, { debug: log, info: log, warn: log })
    const body = twoTasks()
    await post(url, body)
    expect(lines.map(({ outcome, parts, job }) => [outcome, parts, job]).sort()).toEqual([
      ['answered', undefined, 'clip/visual'],
      ['answered', undefined, 'facial-recognition/detection+facial-recognition/recognition'],
      ['split', 2, 'clip/visual+facial-recognition/detection+facial-recognition/recognition'],
    ])
    const valuesOf = async (name: string) =>
      (await registry.getSingleMetric(`immich_ml_router_${name}`)?.get())?.values
    const requests = await valuesOf('requests_total')
    expect(
      requests?.map(({ labels, value }) => [labels['backend'], labels['task'], labels['outcome'], value]),
    ).toEqual([
      ['gpu', 'clip', 'answered', 1],
      ['nas', 'facial-recognition', 'answered', 1],
      ['none', 'several', 'split', 1],
    ])
    const received = await valuesOf('request_bytes_total')
    expect(received?.[0]?.value).toBe(2 * body.length - JSON.stringify(CLIP_AND_FACES).length + 1)
    expect(router.status()).toMatchObject({ active: 0, notices: [] })
  })

  it('is explained with where each task goes', async () => {
    const { router, url, config, end } = await splitPool()
    const classifications: Parameters<typeof router.explain>[0][] = []
    router.on('classified', (classification) => classifications.push(classification))
    const headers = { 'x-immich-ml-explain': '1' }
    const answer = await post(url, twoTasks(), { headers })
    expect(answer.headers['x-immich-ml-route']).toMatch(
      /^split; clip default; gpu chosen: .*; facial-recognition default; nas chosen: /,
    )
    const [whole] = classifications
    if (whole === undefined) throw new Error('it was not classified')
    const goesTo = (backend: string) => ({ kind: 'forward', backend, endpoint: undefined, leastBad: false })
    expect(router.explain(whole).decision).toEqual({
      kind: 'split',
      parts: [
        { task: 'clip', route: 'default', decision: goesTo('gpu') },
        { task: 'facial-recognition', route: 'default', decision: goesTo('nas') },
      ],
    })
    router.reload({
      ...config,
      backends: { ...config.backends, nas: { ...config.backends['nas'], url: 'http://x', tasks: ['ocr'] } },
    })
    expect(router.explain(whole).decision).toMatchObject({ kind: 'reject', code: 'no-backend-available' })
    router.reload(config)
    end()
    expect(router.explain(whole).decision).toMatchObject({ kind: 'reject' })
  })
})
