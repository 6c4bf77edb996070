import { CONTENT_TYPE, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { startProcess } from './support/gateway-process.ts'
import { rawConnection } from './support/raw-client.ts'
import { stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

const statuses = (answer: string) => answer.match(/HTTP\/1\.1 \d+/g)?.map((line) => Number(line.slice(9)))

describe.each(['package', 'koa'] as const)('the %s gateway', (which) => {
  it('refuses by the head of a request before it says 100', async () => {
    const stub = await stubMl()
    const { url } = await startProcess(which, { ML_DEFAULT_URL: stub.url })
    const answerTo = async (path: string, framing: string) => {
      const connection = rawConnection(url)
      connection.write(`POST ${path} HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\n${framing}\r\n\r\n`)
      return statuses(await connection.until(/HTTP\/1\.1 [2-5]\d\d .*\r\n\r\n.+/s))
    }
    expect(await answerTo('/predict', 'content-length: 40000000')).toEqual([413])
    expect(await answerTo('/predict', 'transfer-encoding: gzip, chunked')).toEqual([501])
    expect(await answerTo('/elsewhere', 'content-length: 40000000')).toEqual([404])
    const body = immichBody('textSearch', 'cat')
    const connection = rawConnection(url)
    connection.write(
      `POST /predict HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    await connection.until(/100 Continue\r\n\r\n/)
    connection.write(body)
    expect(statuses(await connection.until(/"clip"/))).toEqual([100, 200])
    expect(stub.received.map((request) => request.sha256)).toEqual([sha256(body)])
  })

  it('takes whole URLs as request targets, for every path', async () => {
    const stub = await stubMl()
    const { url } = await startProcess(which, {
      ML_DEFAULT_URL: stub.url,
      ADMIN_TOKEN: 'secret',
      STATUS_PAGE_HOSTS: 'router.example, elsewhere',
    })
    const answerTo = (request: string, expected: RegExp, rest: Buffer | string = '') => {
      const connection = rawConnection(url)
      connection.write(Buffer.concat([Buffer.from(`${request}\r\n`), Buffer.from(rest)]))
      return connection.until(expected)
    }
    const host = 'host: elsewhere:1\r\n'
    for (const origin of ['http://router.example:3003', 'HTTPS://Router.example']) {
      const get = (path: string, expected: RegExp) =>
        answerTo(`GET ${origin}${path} HTTP/1.1\r\n${host}`, expected)
      expect(await get('/ping', /pong$/)).toMatch(/^HTTP\/1\.1 200 /)
      for (const root of ['', '/', '?x=1', '/?x=1'])
        expect(await get(root, /\}$/)).toMatch(/^HTTP\/1\.1 200 .*Immich ML/s)
      expect(await get('/metrics', /process_cpu/)).toMatch(/^HTTP\/1\.1 200 /)
      expect(await get('/metrics?x=/ping', /process_cpu/)).toMatch(/^HTTP\/1\.1 200 /)
      expect(await get('/_router', /<\/html>/)).toMatch(/^HTTP\/1\.1 200 /)
      expect(await get('/_router/events', /data: /)).toMatch(/^HTTP\/1\.1 200 .*text\/event-stream/s)
      expect(await get('/elsewhere', /\r\n\r\n.*Not Found/s)).toMatch(/^HTTP\/1\.1 404 /)
      for (const action of ['drain', 'enable'])
        expect(
          await answerTo(
            `POST ${origin}/_router/backends/default/${action} HTTP/1.1\r\n${host}authorization: Bearer secret\r\ncontent-length: 0\r\n`,
            /\r\n\r\n/,
          ),
        ).toMatch(/^HTTP\/1\.1 204 /)
      const body = immichBody('textSearch', 'cat')
      expect(
        await answerTo(
          `POST ${origin}/predict HTTP/1.1\r\n${host}content-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\n`,
          /"clip"/,
          body,
        ),
      ).toMatch(/^HTTP\/1\.1 200 /)
    }
    // The canary after the second enable is one as well.
    expect(new Set(stub.received.map((request) => request.url))).toEqual(new Set(['/predict']))
  })
})
