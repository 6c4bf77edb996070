import { expect, it } from 'vitest'
import { asData, withCode } from './code-options.ts'
import type { Policy } from './policy.ts'

const match = () => true
const strategy = () => ({ rank: () => [] })

it('functions become what the schema accepts in their place, and come back', () => {
  const backends = { a: { url: 'http://a' } }
  const policy: Policy = {
    backends,
    routes: [
      { match, backends: ['a'] },
      { backends: ['a'], strategy },
    ],
  }
  const data = { backends, routes: [{ match: {}, backends: ['a'] }, { backends: ['a'] }] }
  expect(asData(policy)).toEqual(data)
  expect(withCode(data, policy)).toEqual(policy)
})

it('a tenant in code is left out, and comes back', () => {
  const backends = { a: { url: 'http://a' } }
  const policy: Policy = { backends, tenant: () => 'family' }
  expect(asData(policy)).toEqual({ backends, tenant: undefined })
  expect(withCode({ backends }, policy)).toEqual(policy)
  const byHeader: Policy = { backends, tenant: { header: 'x-tenant' } }
  expect([asData(byHeader), withCode(byHeader, byHeader)]).toEqual([byHeader, byHeader])
})

it('no limit becomes a word', () => {
  expect(asData({ maxBodySize: Number.POSITIVE_INFINITY })).toEqual({ maxBodySize: 'unlimited' })
})

it.each([undefined, null, [], {}, { routes: 1 }, { backends: {} }])('%j stays as it is', (options) => {
  expect(asData(options)).toBe(options)
})

it('a mistake stays at its place', () => {
  expect(asData({ routes: [null, 'x', { match: 1, strategy: 2 }] })).toEqual({
    routes: [null, 'x', { match: 1, strategy: 2 }],
  })
})
