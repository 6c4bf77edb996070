import net from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { RouterOptions } from '@immich-ml-router/core'
import {
  CONTENT_TYPE,
  ENTRIES,
  type ImmichJob,
  imageBytes,
  immichBody,
  immichForm,
  multipart,
} from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { adapters, direct } from './adapters/all.ts'
import { post, type Sending } from './support/client.ts'
import { received, seed } from './support/contract-seed.ts'
import { listen, stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

const sendings: Sending[] = (['content-length', 'chunked'] as const).flatMap((framing) =>
  (['whole', 'bytes'] as const).map((pieces) => ({ framing, pieces })),
)

const bodies: { what: string; to: 'text' | 'image' | 'other'; body: Buffer }[] = [
  { what: 'text, 0.3 KB', to: 'text', body: immichBody('textSearch', 'a red "ocr" car') },
  { what: 'image, 0.3 KB', to: 'image', body: immichBody('indexing', imageBytes(64)) },
  { what: 'image, 500 KB', to: 'image', body: immichBody('indexing', imageBytes(500_000)) },
  { what: 'image, 31 MB', to: 'image', body: immichBody('indexing', imageBytes(31_000_000)) },
  {
    what: 'neither text nor image',
    to: 'other',
    body: multipart([{ header: 'entries', content: '{"clip":{"textual":{"modelName":"m"}}}' }]),
  },
  {
    what: 'image first, 500 KB',
    to: 'image',
    body: multipart([
      { header: 'image', content: imageBytes(500_000) },
      { header: 'entries', content: '{"clip":{"visual":{"modelName":"m"}}}' },
    ]),
  },
]

/** Registers a test only where the adapter has what it is about; the reason for each lack is checked below. */
const onlyIf = (applies: boolean) => (name: string, test: () => Promise<void>) => {
  if (applies) it(name, test)
}

describe.each([...adapters, ...direct])('$name', (adapter) => {
  describe.each(bodies)('$what', ({ to, body }) => {
    it.each(sendings)('arrives byte for byte, $framing, $pieces', async (sending) => {
      const { stubs, url } = await seed(adapter)
      const answer = await post(url, body, sending)
      expect(answer.headers['x-immich-ml-backend']).toBe(to)
      expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0, [to]: 1 })
      const [request] = stubs[to].received
      expect(request).toMatchObject({
        url: '/predict',
        size: body.length,
        sha256: sha256(body),
        complete: true,
      })
      const length = request?.headers['content-length']
      expect(length).toBe(sending.framing === 'chunked' ? undefined : String(body.length))
    })
  })

  const jobs: [ImmichJob, string | Buffer][] = [
    ['textSearch', 'cat'],
    ['indexing', imageBytes(200_000)],
    ['faces', imageBytes(200_000)],
    ['ocr', imageBytes(200_000)],
  ]

  const byJob: Record<
    string,
    (job: ImmichJob) => Partial<Record<'task' | 'type' | 'model' | 'input', string | string[]>>
  > = {
    task: (job) => ({
      task: { textSearch: 'clip', indexing: 'clip', faces: 'facial-recognition', ocr: 'ocr' }[job],
    }),
    type: (job) => ({
      type: { textSearch: 'textual', indexing: 'visual', faces: 'detection', ocr: 'recognition' }[job],
    }),
    model: (job) => ({
      model: { textSearch: 'ViT-*', indexing: '*openai', faces: 'buffalo_l', ocr: ['x', 'PP-OCR*mobile'] }[
        job
      ],
    }),
    input: (job) => ({ input: job === 'textSearch' ? 'text' : 'image' }),
  }

  it.each(Object.keys(byJob))(
    "routes each of Immich's jobs by %s, with real fetch and FormData",
    async (member) => {
      for (const [job, payload] of jobs) {
        const [chosen, other] = [await stubMl(), await stubMl()]
        const { listener } = adapter.mount({
          backends: { chosen: { url: chosen.url }, other: { url: other.url } },
          routes: [{ match: byJob[member]?.(job) as object, backends: ['chosen'] }, { backends: ['other'] }],
        })
        const { url } = await listen(listener)
        const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm(job, payload) })
        expect(response.status).toBe(200)
        expect(Object.keys((await response.json()) as object)).toContain(chosen.received[0]?.jobs[0]?.task)
        expect([chosen.started, other.started]).toEqual([1, 0])
      }
    },
  )

  it('routes a search with a urlencoded body, and forwards it byte for byte', async () => {
    const { url, stubs } = await seed(adapter)
    const form = new URLSearchParams({ entries: JSON.stringify(ENTRIES.textSearch), text: 'größe & "ocr"' })
    const answer = await fetch(`${url}/predict`, { method: 'POST', body: form })
    expect([answer.status, answer.headers.get('x-immich-ml-backend')]).toEqual([200, 'text'])
    expect(Object.keys((await answer.json()) as object)).toEqual(['clip'])
    const body = Buffer.from(form.toString())
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const sending of sendings)
      expect((await post(url, body, { ...sending, headers })).headers['x-immich-ml-backend']).toBe('text')
    expect(stubs.text.received.map(({ sha256 }) => sha256)).toEqual(Array(5).fill(sha256(body)))
    expect(stubs.text.received[0]?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
    const image = new URLSearchParams({ entries: JSON.stringify(ENTRIES.indexing), image: 'abc' })
    const indexed = await fetch(`${url}/predict`, { method: 'POST', body: image })
    expect([indexed.status, indexed.headers.get('x-immich-ml-backend')]).toEqual([200, 'image'])
  })

  it('answers /ping and / itself and leaves the rest to the application', async () => {
    const { url, stubs, router } = await seed(adapter)
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
    expect(await (await fetch(url)).json()).toEqual({ message: 'Immich ML' })
    for (const path of ['/ping', '/']) expect((await fetch(url + path, { method: 'HEAD' })).status).toBe(200)
    for (const [method, path] of [
      ['GET', '/predict'],
      ['POST', '/other'],
      ['POST', '/predict/'],
      ['PUT', '/predict'],
    ]) {
      const response = await fetch(url + path, { method: method ?? '' })
      expect([response.status, await response.text()]).toEqual([418, 'not ours'])
    }
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0 })
    await router.close()
    const closed = await fetch(`${url}/ping`)
    expect([closed.status, closed.headers.get('retry-after')]).toEqual([503, '5'])
    const refused = await fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'router-closed' }])
  })

  it('sends what it cannot classify to the default route, or answers 422 where it is told to', async () => {
    const broken = multipart([
      { header: 'entries', content: '{"clip":' },
      { header: 'text', content: 'cat' },
    ])
    const { url, stubs } = await seed(adapter)
    expect((await post(url, broken)).status).toBe(422)
    expect(
      (await post(url, Buffer.from('{}'), { headers: { 'content-type': 'application/json' } })).status,
    ).toBe(422)
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 2 })
    const strict = await seed(adapter, { onUnclassified: 'reject' })
    const answer = await post(strict.url, broken)
    expect(answer.status).toBe(422)
    expect(JSON.parse(answer.body.toString())).toEqual({
      detail: 'Invalid request format.',
      code: 'unclassified',
      reason: 'invalid-json',
    })
    expect(received(strict.stubs)).toEqual({ text: 0, image: 0, other: 0 })
  })

  it('keeps the headers that an earlier middleware set', async () => {
    const { url } = await seed(adapter, {}, { before: 'sets-header' })
    const answer = await post(url, immichBody('textSearch', 'cat'))
    expect(answer.headers).toMatchObject({ 'x-app': 'mine', 'x-immich-ml-backend': 'text' })
  })

  it('takes a base path, and leaves other paths to the next router', async () => {
    const home = await stubMl()
    const beside: RouterOptions = { path: '/home/', backends: { home: { url: home.url } } }
    const { url, stubs } = await seed(adapter, { path: '/ml' }, { beside })
    const body = immichBody('textSearch', 'cat')
    const by = async (path: string) => (await post(url, body, { path })).headers['x-immich-ml-backend']
    expect([await by('/ml/predict'), await by('/home/predict?x=1')]).toEqual(['text', 'home'])
    for (const path of ['/ml/ping', '/home/ping']) expect(await (await fetch(url + path)).text()).toBe('pong')
    for (const path of ['/ml', '/ml/', '/home'])
      expect(await (await fetch(url + path)).json()).toEqual({ message: 'Immich ML' })
    for (const path of ['/', '/ping', '/predict', '/mlx/ping', '/ml/other', '/home/ml/ping'])
      expect((await fetch(url + path)).status).toBe(418)
    expect([stubs.text.received[0]?.url, home.received[0]?.url]).toEqual(['/predict', '/predict'])
  })

  it('says once that requests come over HTTP/1.0', async () => {
    const { url, router } = await seed(adapter)
    const notices: unknown[] = []
    router.on('notice', (notice) => notices.push(notice))
    const body = immichBody('textSearch', 'cat')
    expect(router.status().notices).toEqual([])
    for (let i = 0; i < 2; i++) {
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
      const head = `POST /predict HTTP/1.0\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`
      socket.write(Buffer.concat([Buffer.from(head), body]))
      expect((await buffer(socket)).toString()).toMatch(/^HTTP\/1\.1 200 /)
    }
    expect(notices).toEqual([
      {
        kind: 'http-1.0',
        level: 'warning',
        client: '127.0.0.1',
        message: expect.stringContaining('proxy_http_version 1.1'),
      },
    ])
    expect(router.status().notices).toEqual(notices)
  })

  onlyIf(adapter.prefixes === true)('works under a prefix', async () => {
    const { url, stubs } = await seed(adapter, {}, { prefix: '/ml' })
    expect((await post(url, immichBody('textSearch', 'cat'), { path: '/ml/predict' })).status).toBe(200)
    expect(await (await fetch(`${url}/ml/ping`)).text()).toBe('pong')
    expect((await fetch(`${url}/ping`)).status).toBe(418)
    expect(stubs.text.received[0]?.url).toBe('/predict')
  })

  onlyIf(adapter.bodyParsers === true)('uses the bytes that an earlier middleware kept', async () => {
    const { url, stubs } = await seed(adapter, {}, { before: 'keeps-body' })
    for (const framing of ['content-length', 'chunked'] as const) {
      const body = immichBody('indexing', imageBytes(500_000))
      expect((await post(url, body, { framing })).status).toBe(200)
      expect(stubs.image.received.at(-1)).toMatchObject({ sha256: sha256(body), size: body.length })
    }
  })

  onlyIf(adapter.bodyParsers === true)('says which middleware to move when the body was eaten', async () => {
    const { url, stubs } = await seed(adapter, {}, { before: 'eats-body' })
    const answer = await post(url, immichBody('textSearch', 'cat'))
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      code: 'body-consumed',
      detail: expect.stringMatching(/body parser.*Move the immich-ml-router middleware above it/),
    })
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0 })
  })

  onlyIf(adapter.name.startsWith('Koa'))(
    "lets an outer middleware's next() return when the response is done",
    async () => {
      const { url, afterNext } = await seed(adapter)
      await post(url, immichBody('textSearch', 'cat'))
      expect(afterNext).toEqual([{ finished: true }])
    },
  )

  it('goes by other options when it is given some', async () => {
    const { stubs, policy } = await seed(adapter)
    const { listener, router } = adapter.mount(policy)
    const { url } = await listen(listener)
    const changes = router.reload({
      backends: { new: { url: stubs.other.url } },
      backendHeader: 'x-by',
      maxBodySize: 900,
    })
    // With the adapters that have another transport, that is different, too.
    expect(changes.options).toEqual(expect.arrayContaining(['backendHeader', 'maxBodySize']))
    expect((await post(url, immichBody('ocr', imageBytes(100)))).headers['x-by']).toBe('new')
    expect((await post(url, immichBody('ocr', imageBytes(1_000)))).status).toBe(413)
    await router.close()
  })
})

describe('what an adapter lacks', () => {
  it('has a written reason', () => {
    const reasons = adapters.flatMap(({ compose, prefixes, bodyParsers }) =>
      [compose, prefixes, bodyParsers].flatMap((part) =>
        typeof part === 'object' ? [part.lackingBecause] : [],
      ),
    )
    expect(reasons).toHaveLength(3)
    for (const reason of reasons) expect(reason).not.toBe('')
  })
})
