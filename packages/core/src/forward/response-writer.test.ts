import http from 'node:http'
import { expect, it } from 'vitest'
import { listen, until } from '../../../../test/support/servers.ts'
import { type AnswerHead, ResponseWriter } from './response-writer.ts'

const head: AnswerHead = {
  status: 200,
  statusText: 'Fine',
  rawHeaders: ['Content-Type', 'application/json', 'Connection', 'x-hop', 'X-Hop', '1', 'X-Name', 'theirs'],
}

/** What a client gets of a response. */
async function written(write: (res: http.ServerResponse) => void) {
  const { url } = await listen((req, res) => {
    req.resume()
    write(res)
  })
  const res = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(url, { agent: false }, resolve).on('error', reject)
  })
  const chunks = await res.toArray()
  return { res, body: Buffer.concat(chunks).toString() }
}

it('writes head, body and trailers, without headers of the connection', async () => {
  const { res, body } = await written((response) => {
    const rawHeaders = [...head.rawHeaders, 'Trailer', 'x-sum']
    const writer = new ResponseWriter(response, { ...head, rawHeaders }, [['x-name', 'ours']])
    writer.write(Buffer.from('{"a"'), { pause() {}, resume() {} })
    writer.end(Buffer.from(':1}'), ['x-sum', '3'], () => {})
  })
  expect([res.statusCode, res.statusMessage, body]).toEqual([200, 'Fine', '{"a":1}'])
  expect([res.headers['x-hop'], res.headers['x-name'], res.trailers]).toEqual([
    undefined,
    'ours',
    { 'x-sum': '3' },
  ])
})

it('replaces a reason phrase that cannot be written', async () => {
  const { res } = await written((response) => {
    new ResponseWriter(response, { ...head, statusText: 'bad\r\nx: y' }, []).end(
      undefined,
      undefined,
      () => {},
    )
  })
  expect(res.statusMessage).toBe('OK')
})

it('writes nothing when Node refuses a header', async () => {
  const { res } = await written((response) => {
    const bad = { ...head, rawHeaders: ['x bad', '1'] }
    expect(() => new ResponseWriter(response, bad, [])).toThrow(/Header name/)
    expect([response.headersSent, response.hasHeader('x bad')]).toEqual([false, false])
    response.writeHead(502).end()
  })
  expect(res.statusCode).toBe(502)
})

it('pauses the source while the client does not read', async () => {
  const calls: string[] = []
  const source = { pause: () => calls.push('pause'), resume: () => calls.push('resume') }
  const { body } = await written((response) => {
    const writer = new ResponseWriter(response, head, [])
    writer.write(Buffer.alloc(4_000_000, ' '), source)
    void until(() => calls.includes('resume'), 'it goes on').then(() =>
      writer.end(undefined, undefined, () => {}),
    )
  })
  expect([calls, body.length]).toEqual([['pause', 'resume'], 4_000_000])
})

it('cuts the connection, so that a short answer is no whole one', async () => {
  await expect(
    written((response) => {
      const writer = new ResponseWriter(response, head, [])
      writer.write(Buffer.from('{'), { pause() {}, resume() {} })
      setImmediate(() => writer.cut())
    }),
  ).rejects.toThrow(/aborted|hang up|ECONNRESET/)
})
