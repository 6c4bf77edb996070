import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { RouterOptions } from '@immich-ml-router/core'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import {
  ENTRIES,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
  multipart,
} from './support/predict-body.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, until } from './support/servers.ts'

type Answer = (req: IncomingMessage, res: ServerResponse) => void

const JSON_HEADERS = { 'content-type': 'application/json' }
const image = immichBody('indexing', imageBytes(20_000))
const search = immichBody('textSearch', 'cat')

const status =
  (code: number, body = '', headers: Record<string, string> = {}): Answer =>
  (_, res) =>
    res.writeHead(code, headers).end(body)
const good: Answer = status(200, GOOD_ANSWER, JSON_HEADERS)
const detail = (text: string) => JSON.stringify({ detail: text })

/** A backend that reads the request and then answers as it is told at the time. */
async function backend(first: Answer) {
  const told = { answer: first, requests: 0, headers: [] as IncomingMessage['headers'][] }
  const { url } = await listen(
    createServer((req, res) => {
      if (req.url?.endsWith('/ping') === true) return res.end('pong')
      told.requests++
      told.headers.push(req.headers)
      return req.resume().on('end', () => told.answer(req, res))
    }),
  )
  return Object.assign(told, { url })
}

/** Backends `a`, `b`, … in this order, with requests held as by default. */
async function serve(answers: readonly Answer[], options: Partial<RouterOptions> = {}) {
  const servers = await Promise.all(answers.map(backend))
  const names = servers.map((_, i) => 'abc'[i] ?? '')
  const router = await serveRouter({
    backends: Object.fromEntries(servers.map(({ url }, i) => [names[i] ?? '', { url }])),
    routes: [{ backends: names, strategy: 'first' }],
    health: false,
    hold: undefined,
    ...options,
  })
  return { ...router, servers, requests: () => servers.map(({ requests }) => requests) }
}

/** Moves the clock until the answer is there. */
async function whenOver<T>(answer: Promise<T>, clock: FakeClock): Promise<T> {
  let isOver = false
  answer.then(
    () => {
      isOver = true
    },
    () => {
      isOver = true
    },
  )
  await until(() => {
    clock.advance(100)
    return isOver
  }, 'it is answered')
  return answer
}

const healthOf = ({ router }: Awaited<ReturnType<typeof serve>>, i = 0) => router.status().backends[i]?.health

describe('an answer that is no good', () => {
  it.each<[string, Answer]>([
    ['a login page', status(200, '<!doctype html><form>', { 'content-type': 'text/html' })],
    ['a redirect to a login page', status(302, '', { location: 'https://login.example/' })],
    ['401', status(401)],
    ['404', status(404, detail('Not Found'), JSON_HEADERS)],
    ['409', status(409)],
    ['a tunnel that says 530', status(530, '<html>')],
    ['an empty object', status(200, '{}', JSON_HEADERS)],
    ['an error inside', status(200, '{"clip":{"error":"missing image"}}', JSON_HEADERS)],
    ['nothing', status(204)],
    [
      'half of an answer',
      (_, res) => res.writeHead(200, { 'content-length': 100 }).end('{"clip":', () => res.destroy()),
    ],
  ])('%s: the next backend answers, with fetch and FormData', async (_, answer) => {
    const served = await serve([answer, good])
    for (const job of ['textSearch', 'indexing'] as const) {
      const payload = job === 'textSearch' ? 'cat' : imageBytes(20_000)
      const response = await fetch(`${served.url}/predict`, {
        method: 'POST',
        body: immichForm(job, payload),
      })
      expect([response.status, response.headers.get('x-immich-ml-backend')]).toEqual([200, 'b'])
      expect(await response.json()).toHaveProperty('clip')
    }
    expect(served.requests()).toEqual([2, 2])
  })

  it('ejects after three in a row, and says what to do', async () => {
    const served = await serve([status(401), good], { clock: new FakeClock() })
    for (let i = 0; i < 5; i++) expect((await post(served.url, image)).status).toBe(200)
    expect(served.requests()).toEqual([3, 5])
    expect(healthOf(served)?.reachable).toMatchObject({
      kind: 'open',
      reason: 'answered 401 Unauthorized: set backends.a.auth',
    })
  })

  it('keeps the searches of a backend that refuses images', async () => {
    const served = await serve([status(501), good], { clock: new FakeClock() })
    for (let i = 0; i < 3; i++)
      expect((await post(served.url, image)).headers['x-immich-ml-backend']).toBe('b')
    const [a] = served.servers
    if (a !== undefined) a.answer = good
    expect((await post(served.url, search)).headers['x-immich-ml-backend']).toBe('a')
    expect(healthOf(served)?.lacks).toEqual({ 'clip/visual': 600_000 })
    expect(served.requests()).toEqual([2, 3])
  })

  it('never reaches the client as a redirect or a wrong success, not even where requests are not held', async () => {
    for (const answer of [status(302, '', { location: 'https://login.example/' }), status(200, '<html>')]) {
      const { url } = await serve([answer], { hold: false })
      const refused = await post(url, search)
      expect([refused.status, refused.headers.location]).toEqual([502, undefined])
      expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'backend-failed' })
    }
  })

  it('leaves the client the most telling of several answers', async () => {
    const own = detail('Either image or text must be provided')
    const { url } = await serve([status(401), status(400, own, JSON_HEADERS), status(502)], { hold: false })
    const answer = await post(url, search)
    expect([answer.status, answer.body.toString()]).toEqual([400, own])
    expect(answer.headers['x-immich-ml-backend']).toBe('b')
  })
})

describe('a second opinion', () => {
  it('finds the job at fault: it gets the answer, and no backend is blamed', async () => {
    const broken = status(500, 'Internal Server Error', { 'content-type': 'text/plain' })
    const served = await serve([broken, broken], { clock: new FakeClock() })
    for (let i = 0; i < 4; i++) expect((await post(served.url, image)).status).toBe(500)
    expect(served.requests()).toEqual([4, 4])
    expect([healthOf(served)?.tasks, healthOf(served, 1)?.tasks, healthOf(served)?.failures]).toEqual([
      {},
      {},
      0,
    ])
  })

  it('finds the backend at fault', async () => {
    const served = await serve([status(500), good], { clock: new FakeClock() })
    for (let i = 0; i < 5; i++) expect((await post(served.url, image)).status).toBe(200)
    expect(served.requests()).toEqual([3, 5])
    expect(healthOf(served)?.tasks['clip/visual']).toMatchObject({ kind: 'open' })
  })

  it('finds that one version of the ML server does not know a job: it is not ejected', async () => {
    const refusal = status(422, detail('Invalid request format.'), JSON_HEADERS)
    const served = await serve([refusal, good], { clock: new FakeClock() })
    for (let i = 0; i < 5; i++) expect((await post(served.url, image)).status).toBe(200)
    expect(served.requests()).toEqual([1, 5])
    expect([healthOf(served)?.tasks, healthOf(served)?.failures]).toEqual([{}, 0])
  })

  it('is asked of the same backend where there is no other, once, and only for a 500', async () => {
    const served = await serve([status(500, 'Internal Server Error')], { clock: new FakeClock() })
    expect((await post(served.url, image)).status).toBe(500)
    expect([served.requests(), healthOf(served)?.failures]).toEqual([[2], 2])
    const refusing = await serve([status(422, detail('no'), JSON_HEADERS)])
    expect((await post(refusing.url, image)).status).toBe(422)
    expect(refusing.requests()).toEqual([1])
  })
})

describe('what a client writes', () => {
  it('does not make a backend lack a task', async () => {
    const echo = status(400, detail('cannot decode unknown task'), JSON_HEADERS)
    const served = await serve([echo], { clock: new FakeClock() })
    expect((await post(served.url, immichBody('textSearch', 'unknown task'))).status).toBe(400)
    expect(healthOf(served)?.lacks).toEqual({})
  })
})

describe('a proxy in front of a backend', () => {
  it('that refuses large bodies gets the small ones', async () => {
    const limit: Answer = (req, res) =>
      Number(req.headers['content-length']) > 100_000 ? status(413, '<html>')(req, res) : good(req, res)
    const served = await serve([limit, good], { clock: new FakeClock() })
    const large = immichBody('indexing', imageBytes(200_000))
    for (const body of [large, large, image, large]) expect((await post(served.url, body)).status).toBe(200)
    expect(served.requests()).toEqual([2, 3])
    expect(healthOf(served)).toMatchObject({ sizeLimit: large.length, failures: 0 })
  })

  it('that compresses all the same is read', async () => {
    const zipped =
      (text: string): Answer =>
      (_, res) =>
        res.writeHead(200, { ...JSON_HEADERS, 'content-encoding': 'gzip' }).end(gzipSync(text))
    const served = await serve([zipped('{}'), zipped(GOOD_ANSWER)])
    const response = await fetch(`${served.url}/predict`, {
      method: 'POST',
      body: immichForm('textSearch', 'cat'),
    })
    expect([response.headers.get('x-immich-ml-backend'), await response.text()]).toEqual(['b', GOOD_ANSWER])
    expect(served.servers.flatMap(({ headers }) => headers.map((it) => it['accept-encoding']))).toEqual([
      'identity',
      'identity',
    ])
  })
})

describe('a bulk job that every backend fails', () => {
  it('is held, and answered once one of them works', async () => {
    const clock = new FakeClock()
    const served = await serve([status(401), status(530)], { clock })
    const answer = post(served.url, image)
    await until(() => served.router.status().held['default'] === 1, 'it is held')
    for (const server of served.servers) server.answer = good
    clock.advance(2_000)
    expect((await answer).status).toBe(200)
  })

  it('is answered when all of them refuse the task, and none has ever served it', async () => {
    const served = await serve([status(501), status(501, detail('unknown task'), JSON_HEADERS)])
    expect((await post(served.url, image)).status).toBe(501)
    expect((await post(served.url, image)).status).toBe(501)
    expect(served.requests()).toEqual([2, 1])
  })

  it('is held when one of them has served the task before', async () => {
    const clock = new FakeClock()
    const served = await serve([good, status(501)], { clock })
    expect((await post(served.url, image)).status).toBe(200)
    const [a] = served.servers
    if (a !== undefined) a.answer = status(501)
    const answer = post(served.url, image)
    await until(() => served.router.status().held['default'] === 1, 'it is held')
    if (a !== undefined) a.answer = good
    clock.advance(600_000)
    expect((await answer).status).toBe(200)
  })

  it('gets heartbeats until an answer is complete', async () => {
    const clock = new FakeClock()
    let finish = () => {}
    const slow: Answer = (_, res) => {
      res.writeHead(200, JSON_HEADERS).write('{"clip":')
      finish = () => res.end('"[0.1]"}')
    }
    const served = await serve([slow], { clock, heartbeat: { after: '10s', every: '10s' } })
    const answer = post(served.url, image)
    await until(() => served.requests()[0] === 1, 'the backend has it')
    await until(() => served.router.status().active === 1, 'the answer has begun')
    clock.advance(30_000)
    finish()
    const { status: code, body } = await answer
    expect([code, body.toString()]).toEqual([200, '   {"clip":"[0.1]"}'])
  })
})

describe('a bulk job without a second opinion', () => {
  const refusal = status(422, detail('Invalid request format.'), JSON_HEADERS)

  it('is held where a backend of another version refuses it while the good one is away', async () => {
    const clock = new FakeClock()
    const served = await serve([refusal, status(503, '', { 'retry-after': '60' })], {
      clock,
      heartbeat: false,
    })
    const answer = post(served.url, image)
    await until(() => served.router.status().held['default'] === 1, 'it is held')
    const [, b] = served.servers
    if (b !== undefined) b.answer = good
    const { status: code, headers } = await whenOver(answer, clock)
    expect([code, headers['x-immich-ml-backend']]).toEqual([200, 'b'])
  })

  it('is answered where the only available backend has served such jobs before', async () => {
    const clock = new FakeClock()
    const served = await serve([good, status(503, '', { 'retry-after': '60' })], { clock })
    expect((await post(served.url, image)).status).toBe(200)
    const [a] = served.servers
    if (a !== undefined) a.answer = refusal
    expect((await whenOver(post(served.url, image), clock)).status).toBe(422)
  })

  it('does not freeze a type whose trial is a job that fails', async () => {
    const clock = new FakeClock()
    const served = await serve([status(500, 'Internal Server Error')], { clock })
    for (let i = 0; i < 2; i++) expect((await post(served.url, image)).status).toBe(500)
    const third = await whenOver(post(served.url, image), clock)
    const [a] = served.servers
    if (a !== undefined) a.answer = good
    const fourth = await whenOver(post(served.url, image), clock)
    expect([third.status, fourth.status]).toEqual([500, 200])
  })

  it('is held when the error of a backend breaks off: it may not be its own', async () => {
    const cut: Answer = (_, res) =>
      res
        .writeHead(422, { ...JSON_HEADERS, 'content-length': 999 })
        .write('{"detail":"bad"}', () => res.destroy())
    const clock = new FakeClock()
    const served = await serve([cut], { clock })
    const answer = post(served.url, image)
    await until(
      () => served.requests()[0] === 1 && served.router.status().held['default'] === 1,
      'it is held',
    )
    const [a] = served.servers
    if (a !== undefined) a.answer = good
    expect((await whenOver(answer, clock)).status).toBe(200)
  })
})

describe('a backend that hangs', () => {
  it('ends after the response timeout, while another that has failed the request before is available', async () => {
    const clock = new FakeClock()
    const hang: Answer = () => {}
    const served = await serve([status(502), hang], { clock, timeouts: { response: '1s' } })
    const answer = post(served.url, image)
    await until(() => served.requests()[1] === 1, 'the second has it')
    const [a] = served.servers
    if (a !== undefined) a.answer = good
    await whenOver(answer, clock)
    expect((await answer).headers['x-immich-ml-backend']).toBe('a')
  })
})

describe('jobs that every backend refuses', () => {
  const multi = multipart([
    { header: 'entries', content: JSON.stringify({ ...ENTRIES.indexing, ...ENTRIES.ocr }) },
    { header: 'Content-Disposition: form-data; name="image"; filename="blob"', content: 'x' },
  ])

  it('are answered where they have several tasks', async () => {
    const served = await serve([status(501), status(501)])
    expect((await post(served.url, multi)).status).toBe(501)
    expect(served.requests()).toEqual([1, 1])
  })

  it('are answered where the model is unknown, though others of its type were served', async () => {
    const served = await serve([good], { clock: new FakeClock() })
    expect((await post(served.url, image)).status).toBe(200)
    const [a] = served.servers
    if (a !== undefined) a.answer = status(400, detail('Model is unknown'), JSON_HEADERS)
    const other = Buffer.from(
      image.toString('latin1').replace('ViT-B-32__openai', 'ViT-B-16__openai'),
      'latin1',
    )
    expect((await post(served.url, other)).status).toBe(400)
  })

  it('are held where a proxy in front refuses their size', async () => {
    const clock = new FakeClock()
    const served = await serve([status(413, '<html>')], { clock })
    const answer = post(served.url, image)
    await until(() => served.router.status().held['default'] === 1, 'it is held')
    const [a] = served.servers
    if (a !== undefined) a.answer = good
    served.router.enable('a')
    expect((await whenOver(answer, clock)).status).toBe(200)
    expect(clock.now()).toBeLessThan(5_000)
  })
})

describe('uploads that wait for room', () => {
  it('are all sent, one after the other, where there is no disk', async () => {
    const served = await serve([good], { bodySpool: false, totalBodyMemory: '4mb' })
    const large = immichBody('indexing', imageBytes(3_000_000))
    const answers = await Promise.all(Array.from({ length: 4 }, () => post(served.url, large)))
    expect(answers.map(({ status: code }) => code)).toEqual([200, 200, 200, 200])
    expect(served.router.status().bodies.memory).toBe(0)
  })

  it('are sent when they were held, where there is no disk', async () => {
    const clock = new FakeClock()
    const served = await serve([status(503, '', { 'retry-after': '1' })], {
      clock,
      bodySpool: false,
      totalBodyMemory: '4mb',
    })
    const large = immichBody('indexing', imageBytes(3_000_000))
    const answers = Promise.all(Array.from({ length: 3 }, () => post(served.url, large)))
    await until(() => served.requests()[0] !== 0 && served.router.status().held['default'] === 3, 'all wait')
    const [a] = served.servers
    if (a !== undefined) a.answer = good
    await whenOver(answers, clock)
    expect((await answers).map(({ status: code }) => code)).toEqual([200, 200, 200])
  })
})

describe('a search that every backend fails', () => {
  it('is told why after 15 s', async () => {
    const clock = new FakeClock()
    const served = await serve([status(401)], { clock })
    const answer = post(served.url, search)
    await whenOver(answer, clock)
    const { status: code, body } = await answer
    expect(code).toBe(503)
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'hold-expired' })
    expect(body.toString()).toContain('set backends.a.auth')
    expect(clock.now()).toBeGreaterThanOrEqual(15_000)
  })
})
