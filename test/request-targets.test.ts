import type { RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import type { Surroundings } from './adapters/adapter.ts'
import { adapters } from './adapters/all.ts'
import { rawConnection } from './support/raw-client.ts'
import { listen, stubMl } from './support/servers.ts'

const ORIGINS = ['', 'http://router.example:3003', 'HTTP://Router.Example']

async function answerTo(
  url: string,
  start: string,
  rest: Buffer | undefined,
  expected: RegExp,
): Promise<string> {
  const connection = rawConnection(url)
  const framing =
    rest === undefined ? '' : `content-type: ${CONTENT_TYPE}\r\ncontent-length: ${rest.length}\r\n`
  connection.write(`${start} HTTP/1.1\r\nhost: elsewhere\r\n${framing}\r\n`)
  if (rest !== undefined) connection.write(rest)
  return connection.until(expected)
}

describe.each(adapters)('$name', (adapter) => {
  const places: Record<string, [base: string, Partial<RouterOptions>, Surroundings]> = {
    'at the root': ['', {}, {}],
    'with a base path': ['/ml', { path: '/ml' }, {}],
    ...(adapter.prefixes === true && {
      'under a prefix': ['/app', {}, { prefix: '/app' }],
      'with a base path under a prefix': ['/app/ml', { path: '/ml' }, { prefix: '/app' }],
    }),
  }

  it.each(Object.entries(places))(
    'takes whole URLs as targets %s',
    async (_where, [base, options, around]) => {
      const stub = await stubMl()
      const { listener } = adapter.mount({ backends: { only: { url: stub.url } }, ...options }, around)
      const { url } = await listen(listener)
      for (const origin of ORIGINS) {
        const get = (path: string, expected: RegExp) =>
          answerTo(url, `GET ${origin}${path}`, undefined, expected)
        expect(await get(`${base}/ping`, /pong$/)).toMatch(/^HTTP\/1\.1 200 /)
        for (const root of [`${base}/`, ...(base === '' && origin === '' ? [] : [base, `${base}?x=1`])])
          expect(await get(root, /\}$/)).toMatch(/^HTTP\/1\.1 200 .*Immich ML/s)
        expect(await get(`${base}/other`, /not ours/)).toMatch(/^HTTP\/1\.1 418 /)
        const predict = `POST ${origin}${base}/predict`
        const search = immichBody('textSearch', 'cat')
        expect(await answerTo(url, predict, search, /"clip"/)).toMatch(/^HTTP\/1\.1 200 /)
      }
      expect(stub.received.map((request) => request.url)).toEqual(ORIGINS.map(() => '/predict'))
    },
  )

  const { compose } = adapter
  if (typeof compose === 'function')
    it('takes whole URLs as targets, composed of its three parts', async () => {
      const stub = await stubMl()
      const { listener } = compose({ policy: { backends: { only: { url: stub.url } } } })
      const { url } = await listen(listener)
      const search = immichBody('textSearch', 'cat')
      for (const origin of ORIGINS)
        expect(await answerTo(url, `POST ${origin}/predict`, search, /"clip"/)).toMatch(/^HTTP\/1\.1 200 /)
    })
})
