import { once } from 'node:events'
import http from 'node:http'
import { CONTENT_TYPE, imageBytes, immichBody, type StubMlServer } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { startSetup } from './support/gateway-process.ts'
import { rawConnection } from './support/raw-client.ts'
import { stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { itNeeds } from './support/tools.ts'

const start = (name: string, ml: StubMlServer) =>
  startSetup(`embedding/${name}`, { urls: { 'immich-machine-learning:3003': ml.url } })

describe.each(['express', 'koa', 'nestjs', 'fastify', 'node'])('the router within %s', (name) => {
  it('takes what Immich sends, byte for byte, and leaves the rest to the application', async () => {
    const ml = await stubMl()
    const { url } = await start(name, ml)
    for (const body of [immichBody('textSearch', 'cat'), immichBody('indexing', imageBytes(2_000_000))]) {
      const { status, headers } = await post(url, body)
      expect([status, headers['x-immich-ml-backend']]).toEqual([200, 'ml'])
      expect(ml.received.at(-1)?.sha256).toBe(sha256(body))
    }
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
    expect(await (await fetch(`${url}/hello`)).json()).toEqual({ hello: 'world' })
    expect((await fetch(`${url}/nowhere`)).status).toBe(404)
    const body = JSON.stringify({ any: 'thing' })
    const echo = await fetch(`${url}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect(await echo.text()).toBe(body)
    const tooLarge = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': 33 * 1024 * 1024 },
    })
    tooLarge.on('error', () => {})
    tooLarge.flushHeaders()
    const [response] = await once(tooLarge, 'response')
    expect(response.statusCode).toBe(413)
    tooLarge.destroy()
    expect(ml.started).toBe(2)
  })

  it('says 100 when a body is read, by whatever part of the application, and not before', async () => {
    const ml = await stubMl()
    const { url } = await start(name, ml)
    const asked = (path: string, type: string, length: number) => {
      const connection = rawConnection(url)
      connection.write(
        `POST ${path} HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`,
      )
      return connection
    }
    const tooLarge = await asked('/predict', CONTENT_TYPE, 33 * 1024 * 1024).until(/body-too-large/)
    expect(tooLarge.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413'])
    const search = immichBody('textSearch', 'cat').toString('latin1')
    for (const [path, type, body, end] of [
      ['/echo', 'application/json', '{"any":"thing"}', /"thing"/],
      ['/predict', CONTENT_TYPE, search, /"clip"/],
    ] as const) {
      const connection = asked(path, type, body.length)
      await connection.until(/100 Continue/)
      connection.write(body)
      const answer = await connection.until(end)
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([
        'HTTP/1.1 100',
        expect.stringMatching(/^HTTP\/1\.1 20[01]$/),
      ])
    }
  })

  itNeeds('signals')('finishes what is running when it is told to stop', async () => {
    const ml = await stubMl({ serviceTime: 300 })
    const { url, child, exited } = await start(name, ml)
    const running = post(url, immichBody('indexing', imageBytes(2_000_000)))
    await until(() => ml.started === 1, 'the request is at the backend')
    child.kill('SIGTERM')
    expect((await running).status).toBe(200)
    expect(await exited).toBe(0)
    await expect(fetch(`${url}/ping`)).rejects.toThrow()
  })
})
