import { createRouter, expandConfig, type Policy, parseConfig } from '@immich-ml-router/core'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { parsePolicy } from '@immich-ml-router/core/parts'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'

const RESERVED = /cannot be a name: JavaScript reserves it/
const b = '"b":{"url":"http://b"}'

/** Configurations with `__proto__` in them, and where. */
const reserved: [path: string, json: string][] = [
  ['backends.__proto__', '{"backends":{"__proto__":{"url":"http://a"}}}'],
  ['backends.__proto__', `{"backends":{"__proto__":{"url":"http://a"},${b}}}`],
  [
    'backends.__proto__',
    `{"backends":{"__proto__":{"url":"http://a"},${b}},"routes":[{"backends":["__proto__"]}]}`,
  ],
  ['backends.a.headers.__proto__', '{"backends":{"a":{"url":"http://a","headers":{"__proto__":"x"}}}}'],
]

describe.each(reserved)('a member %s', (path, json) => {
  const problems = [expect.objectContaining({ path, message: expect.stringMatching(RESERVED) })]

  it.each<[string, () => unknown]>([
    ['a policy', () => parsePolicy(JSON.parse(json))],
    ['a configuration', () => parseConfig(JSON.parse(json))],
    ['a YAML file', () => parseConfig(expandConfig(parse(json)))],
    ['options', () => createRouter(JSON.parse(json))],
  ])('of %s is a mistake with its path', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ name: 'ConfigError', problems }))
  })

  it('is one when a router is to be reloaded', async () => {
    const router = createRouter({ backends: { old: { url: 'http://old' } } })
    expect(() => router.reload(JSON.parse(json))).toThrow(expect.objectContaining({ problems }))
    expect(router.status().backends.map(({ name }) => name)).toEqual(['old'])
    await router.close()
  })
})

it('is a mistake where code writes it, which makes it the prototype', () => {
  const url = 'http://a'
  const backends = { __proto__: { url }, other: { url } }
  expect(() => createRouter({ backends } as unknown as Policy)).toThrow(
    /backends\.__proto__ cannot be a name/,
  )
  const headers = { __proto__: { 'x-key': 'x' } }
  expect(() => createRouter({ backends: { a: { url, headers } } } as unknown as Policy)).toThrow(
    /backends\.a\.headers\.__proto__ cannot be a name/,
  )
})

it.each([
  '{"__proto__":{"maxBodySize":1},"backends":{"b":{"url":"http://b"}}}',
  '{"backends":{"b":{"url":"http://b","__proto__":{"weight":2}}}}',
  '{"backends":{"b":{"url":"http://b"}},"timeouts":{"__proto__":"2s"}}',
  '{"backends":{"b":{"url":"http://b"}},"routes":[{"backends":["b"],"__proto__":{}}]}',
  '{"backends":{"b":{"url":"http://b"}},"answers":{"constructor":[500]}}',
  '{"backends":{"b":{"url":"http://b","toString":1}}}',
])('%s has one mistake: no such option', (json) => {
  for (const make of [parseConfig, createRouter])
    expect(() => make(JSON.parse(json))).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ message: 'is not an option' })] }),
    )
})

it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'a route may be named %s',
  async (name) => {
    const stub = await stubMl({ fault: 'refuse' })
    const { router, url } = await serveRouter({
      backends: { gpu: { url: stub.url } },
      routes: [{ name, backends: ['gpu'], hold: '12h' }],
    })
    const metrics = routerMetrics(router)
    const answer = post(url, immichBody('indexing', imageBytes(100)))
    await until(() => [...router.waiting()].length === 1, 'it waits')
    expect(Object.entries(router.status().held)).toEqual([[name, 1]])
    expect(await metrics.registry.metrics()).toContain(`route="${name}"`)
    await stub.setFault(undefined)
    expect((await answer).status).toBe(200)
    metrics.close()
  },
)

it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype'])(
  'a backend may be named %s',
  async (name) => {
    const stub = await stubMl()
    const other = await stubMl()
    const { router, url, requests } = await serveRouter({
      backends: { [name]: { url: stub.url, tasks: ['clip'] }, other: { url: other.url } },
      routes: [{ match: { task: 'clip' }, backends: [name] }, { backends: ['other'] }],
    })
    const metrics = routerMetrics(router)
    const answer = await post(url, immichBody('textSearch', 'cat'))
    expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, name])
    await until(() => requests.length === 1, 'it is told')
    expect(await metrics.registry.metrics()).toContain(`backend="${name}"`)
    const changes = router.reload({ backends: { other: { url: other.url } } })
    expect(changes.backends).toMatchObject({ added: [], removed: [name] })
    expect((await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe('other')
    metrics.close()
  },
)
