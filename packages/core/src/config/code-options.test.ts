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
