import { parseConfig } from '@immich-ml-router/core'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { post } from './support/client.ts'
import { exampleOf } from './support/docs.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl } from './support/servers.ts'

it('the example with immich-ml-fallback sends it searches, and only while the ML server is off', async () => {
  const [mac, words] = await Promise.all([stubMl(), stubMl()])
  const text = exampleOf('docs/migrating.md', 'fallback')
    .replace('http://192.168.1.30:3003', mac.url)
    .replace('http://immich-ml-fallback:3003', words.url)
  const { url } = await serveRouter({ ...parseConfig(parse(text)), hold: '1s' })
  const search = () => post(url, immichBody('textSearch', 'cat'))
  expect((await search()).headers['x-immich-ml-backend']).toBe('mac')
  await mac.setFault('refuse')
  expect((await search()).headers['x-immich-ml-backend']).toBe('words')
  const image = await post(url, immichBody('indexing', imageBytes(1_000)))
  expect([image.status, words.started]).toEqual([503, 1])
})
