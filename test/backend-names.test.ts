import {
  createRouter,
  type Policy,
  parseConfig,
  type RouterOptions,
  selectBackend,
} from '@immich-ml-router/core'
import * as express from '@immich-ml-router/express'
import * as koa from '@immich-ml-router/koa'
import { expect, it } from 'vitest'

const nas = { url: 'http://nas:3003' }
const unknown = 'routes[0].backends[0] names "naz", which is not among the backends. Did you mean "nas"?'

// The compiler checks this file: each directive fails when its line compiles.
it('a route cannot name a backend that the policy does not have', () => {
  // @ts-expect-error
  expect(() => createRouter({ backends: { nas }, routes: [{ backends: ['naz'] }] })).toThrow(unknown)
  // @ts-expect-error
  expect(() => selectBackend({ backends: { nas }, routes: [{ backends: ['naz'] }] })).toThrow(unknown)
  for (const { immichMlRouter, selectBackend: select } of [express, koa]) {
    // @ts-expect-error
    expect(() => immichMlRouter({ backends: { nas }, routes: [{ backends: ['naz'] }] })).toThrow(unknown)
    // @ts-expect-error
    expect(() => select({ backends: { nas }, routes: [{ backends: ['naz'] }] })).toThrow(unknown)
  }
})

it('a route can name the backends that it has, and data any', async () => {
  const policy: Policy = { backends: { nas }, routes: [{ backends: ['nas'] }] }
  const options: RouterOptions = { ...policy, maxBodySize: '1mb' }
  const names: string[] = ['nas']
  const routers = [
    createRouter({ backends: { nas, gpu: nas }, routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }] }),
    createRouter({
      backends: Object.fromEntries(names.map((name) => [name, nas])),
      routes: [{ backends: names }],
    }),
    createRouter(options),
    createRouter({ ...policy, health: false }),
    createRouter(parseConfig(policy)),
  ]
  await Promise.all(routers.map((router) => router.close()))
  expect(routers).toHaveLength(5)
})
