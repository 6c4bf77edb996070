import { once } from 'node:events'
import http from 'node:http'
import { gzipSync } from 'node:zlib'
import type { RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, FakeClock, GOOD_ANSWER, immichForm } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { pool, search, slowBody } from './support/hold-pool.ts'
import { listen, stubMl, until } from './support/servers.ts'

describe('heartbeats', () => {
  /** A backend that answers when it is told to. */
  async function patient(answer: (res: http.ServerResponse) => void) {
    const { promise: told, resolve: tell } = Promise.withResolvers<void>()
    let asked = 0
    const { url } = await listen((req, res) => {
      if (req.url !== '/predict') return void res.end('pong')
      asked++
      req.resume().on('end', () => void told.then(() => answer(res)))
    })
    return { url, tell, asked: () => asked }
  }
  const json = { 'content-type': 'application/json' }

  it('keep a client through a slow inference, and the answer behind them is whole', async () => {
    const clock = new FakeClock()
    const slow = await patient((res) =>
      res.writeHead(200, { ...json, 'content-length': 14 }).end('{"clip":"[1]"}'),
    )
    const { url } = await pool([{}], { clock, backends: { a: { url: slow.url } } })
    const answer = post(url, search, { headers: { 'accept-encoding': 'gzip' } })
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(180_000)
    slow.tell()
    const { status, headers, body } = await answer
    expect([status, headers['content-type'], headers['transfer-encoding'], body.toString()]).toEqual([
      200,
      'application/json',
      'chunked',
      '   {"clip":"[1]"}',
    ])
  })

  it.each<[string, (res: http.ServerResponse) => void]>([
    ['a 500', (res) => res.writeHead(500, json).end('{}')],
    ['a 422', (res) => res.writeHead(422, json).end('{}')],
    ['no JSON', (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<p>')],
    ['what cannot be decoded', (res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x')],
    [
      'half an answer',
      (res) => void res.writeHead(200, { ...json, 'content-length': 9 }).write('{', () => res.destroy()),
    ],
    ['nothing', (res) => res.destroy()],
  ])('are followed by a cut when %s comes', async (_, answer) => {
    const clock = new FakeClock()
    const slow = await patient(answer)
    const { url, router } = await pool([{}], {
      clock,
      backends: { a: { url: slow.url } },
      routes: [{ backends: ['a'] }],
    })
    const response = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(120_000)
    const { status, body } = await response
    const reader = body?.getReader()
    await reader?.read()
    slow.tell()
    await expect(
      (async () => {
        while (!(await reader?.read())?.done) {}
      })(),
    ).rejects.toThrow()
    expect(status).toBe(200)
    await until(() => router.status().active === 0, 'it is over')
    expect([router.status().backends[0]?.inFlight, slow.asked()]).toEqual([0, 1])
  })

  it('are followed by the decoded answer when a gzipped one comes', async () => {
    const clock = new FakeClock()
    const slow = await patient((res) =>
      res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(GOOD_ANSWER)),
    )
    const { url } = await pool([{}], { clock, backends: { a: { url: slow.url } } })
    const answer = post(url, search)
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(120_000)
    slow.tell()
    const { headers, body } = await answer
    expect([headers['content-encoding'], body.toString()]).toEqual([undefined, ` ${GOOD_ANSWER}`])
  })

  it.each<[string, (res: http.ServerResponse) => void, number?]>([
    ['breaks the connection', (res) => res.destroy()],
    ['cannot be decoded', (res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x')],
    [
      'is gzipped and too large to decode',
      (res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(GOOD_ANSWER)),
      10,
    ],
  ])('do not keep another backend from being tried when an answer %s', async (_, bad, answerMemory) => {
    const clock = new FakeClock()
    const slow = await patient(bad)
    const good = await stubMl()
    const { url } = await pool([{}], {
      clock,
      backends: { a: { url: slow.url }, b: { url: good.url } },
      routes: [{ backends: ['a', 'b'] }],
      answerMemory,
    })
    const answer = post(url, search)
    await until(() => slow.asked() === 1, 'the first backend has it')
    clock.advance(120_000)
    slow.tell()
    const { status, body } = await answer
    expect([status, body.toString()]).toEqual([200, expect.stringMatching(/^ \{"clip"/)])
  })

  it.each<[string, Partial<RouterOptions>, http.OutgoingHttpHeaders, Buffer]>([
    ['for a client that takes no JSON', {}, { accept: 'text/html' }, search],
    ['for what is no known job', {}, {}, Buffer.from('x')],
    ['when they are turned off', { heartbeat: false }, {}, search],
    [
      'when the route turns them off',
      { routes: [{ backends: ['a'], heartbeat: false }], heartbeat: { after: 1 } },
      {},
      search,
    ],
  ])('are not sent %s', async (_, options, headers, body) => {
    const clock = new FakeClock()
    const slow = await patient((res) => res.writeHead(200, json).end(GOOD_ANSWER))
    const { url } = await pool([{}], { clock, backends: { a: { url: slow.url } }, ...options })
    const answer = post(url, body, { headers })
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(300_000)
    slow.tell()
    expect((await answer).body.toString()).toBe(GOOD_ANSWER)
  })

  it('are not sent while it is the client that is slow', async () => {
    const clock = new FakeClock()
    const { url, only, router } = await pool([{}], { clock, heartbeat: { after: '1s', every: '1s' } })
    const req = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': slowBody.length },
    })
    const response = once(req, 'response')
    req.write(slowBody.subarray(0, -20))
    await until(() => only.started === 1 && router.status().active === 1, 'the backend has the beginning')
    clock.advance(10_000)
    req.end(slowBody.subarray(-20))
    const [answer] = (await response) as [http.IncomingMessage]
    expect(answer.headers['content-length']).toBeDefined()
    answer.resume()
  })
})
