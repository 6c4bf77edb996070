import { ENTRIES, FakeClock, imageBytes, immichBody } from '@immich-ml-router/core/testing'
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
import { until } from './support/servers.ts'

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
    const served = await serve([good, status(503, '', { 'retry-after': '60' })], {
      clock,
      heartbeat: false,
    })
    expect((await post(served.url, image)).status).toBe(200)
    const [a] = served.servers
    if (a !== undefined) a.answer = refusal
    expect((await whenOver(post(served.url, image), clock)).status).toBe(422)
  })

  it('does not freeze a type whose trial is a job that fails', async () => {
    const clock = new FakeClock()
    const served = await serve([status(500, 'Internal Server Error')], { clock, heartbeat: false })
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
  const multi = immichBody({ ...ENTRIES.indexing, ...ENTRIES.ocr })

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
    clock.advance(5_000)
    expect((await answer).status).toBe(200)
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
