import { gzipSync } from 'node:zlib'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import {
  type Answer,
  detail,
  good,
  image,
  JSON_HEADERS,
  search,
  serve,
  status,
} from './support/judged-pool.ts'

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
