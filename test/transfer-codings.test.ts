import { CONTENT_TYPE, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { adapters, direct } from './adapters/all.ts'
import { rawConnection } from './support/raw-client.ts'
import { listen, stubMl } from './support/servers.ts'

/** Codings that the router does not undo, each with a final `chunked`, so that the body has an end. */
const CODINGS = [
  'gzip, chunked',
  'gzip,chunked',
  'deflate, gzip, Chunked',
  'identity, chunked',
  'x-unknown, chunked',
  'gzip\r\ntransfer-encoding: chunked',
]

function chunkedRequest(coding: string): Buffer {
  const body = immichBody('textSearch', 'cat')
  return Buffer.concat([
    Buffer.from(
      `POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: ${CONTENT_TYPE}\r\n` +
        `transfer-encoding: ${coding}\r\n\r\n${body.length.toString(16)}\r\n`,
    ),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ])
}

describe.each([...adapters, ...direct])('$name', (adapter) => {
  const { compose } = adapter
  const ways: Record<string, (url: string) => Promise<string>> = {
    'as one middleware': async (backend) => {
      const { listener } = adapter.mount({ backends: { only: { url: backend } } })
      return (await listen(listener)).url
    },
    ...(typeof compose === 'function' && {
      'composed of its three parts': async (backend) => {
        const { listener } = compose({ policy: { backends: { only: { url: backend } } } })
        return (await listen(listener)).url
      },
    }),
  }

  describe.each(Object.keys(ways))('%s', (way) => {
    async function served() {
      const stub = await stubMl()
      return { stub, url: (await ways[way]?.(stub.url)) ?? '' }
    }

    it.each(CODINGS)('refuses %j with 501 and closes the connection', async (coding) => {
      const { stub, url } = await served()
      const connection = rawConnection(url)
      connection.write(chunkedRequest(coding))
      connection.write('GET /ping HTTP/1.1\r\nhost: r\r\n\r\n')
      const answer = await connection.end()
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 501'])
      expect(answer).toMatch(/connection: close/i)
      expect(answer).toContain('"code":"unsupported-transfer-coding"')
      expect(stub.started).toBe(0)
    })

    it('takes plain chunked, however it is written', async () => {
      const { stub, url } = await served()
      for (const coding of ['chunked', 'Chunked', ' chunked ']) {
        const connection = rawConnection(url)
        connection.write(chunkedRequest(coding))
        expect(await connection.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 /)
      }
      expect(stub.started).toBe(3)
    })
  })
})
