import { describe, expect, it } from 'vitest'
import { parseConfig } from './parse.ts'
import { ConfigError } from './problems.ts'

const backends = { gpu: { url: 'http://gpu:3003' } }

/** The first mistake of a configuration; `undefined` when there is none. */
function mistake(config: object): string | undefined {
  try {
    parseConfig({ backends, ...config })
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')[1]?.trim() ?? error.message
    throw error
  }
}

const matching = (match: unknown) =>
  mistake({ routes: [{ match, backends: ['gpu'] }, { backends: ['gpu'] }] })

const VALUES = 'must be the exact value of the header in printable ASCII, or a list of values; quote numbers'
const PATHS =
  'must be the path of predict requests, such as "/family/predict" or "/family/*", or a list of them'

describe('a match by the head of a request', () => {
  it.each([
    { header: { 'X-Tenant': 'family', host: ['ml.lan', 'ml.example'] } },
    { header: { authorization: 'Bearer abc' } },
    { path: '/family/predict' },
    { path: ['/family/*', '*/predict', '/f*ly/pre*', '/family*', '*'] },
  ])('takes %j', (match) => {
    expect(matching(match)).toBeUndefined()
  })

  it.each<[object, string]>([
    [{ header: {} }, 'header must name a header'],
    [{ header: 'x-tenant' }, 'header must be an object of header names and values'],
    [{ header: { 'x-tenant': 7 } }, `header.x-tenant ${VALUES}`],
    [{ header: { 'x-tenant': '' } }, `header.x-tenant ${VALUES}`],
    [{ header: { 'x-tenant': 'famille Léa' } }, `header.x-tenant ${VALUES}`],
    [
      { header: { 'x-tenant': '*' } },
      'header.x-tenant must be an exact value: * stands for nothing else here',
    ],
    [{ header: { 'x-tenant': [] } }, 'header.x-tenant must not be empty'],
    [{ header: { 'x tenant': 'a' } }, 'header["x tenant"] must be a header name'],
    [{ header: { 'x-tenant': 'a', 'X-Tenant': 'b' } }, 'header.X-Tenant is named twice: list its values'],
    [{ path: '/family' }, `path ${PATHS}`],
    [{ path: 'family/predict' }, `path ${PATHS}`],
    [{ path: '/family/*/other' }, `path ${PATHS}`],
    [{ path: ['/family/predict', '/office'] }, `path[1] ${PATHS}`],
  ])('refuses %j', (match, expected) => {
    expect(matching(match)).toContain(expected)
  })
})

describe('the tenant and the paths', () => {
  it('may be a header, and several', () => {
    expect(mistake({ tenant: { header: 'X-Auth-Request-User' }, path: ['/', '/family/'] })).toBeUndefined()
  })

  it.each<[object, string]>([
    [{ tenant: 'x-tenant' }, 'tenant must be an object of header'],
    [{ tenant: { header: 'x tenant' } }, 'tenant.header must be a header name'],
    [
      { tenant: { header: 'X-Api-Key' } },
      'tenant.header must not be a header with credentials: tenants appear in logs and metrics',
    ],
    [{ path: 'ml' }, 'path must be a path such as "/ml", or a list of paths'],
    [{ path: ['/', 'ml'] }, 'path[1] must be a path such as "/ml", or a list of paths'],
    [{ path: [] }, 'path must not be empty'],
  ])('%j is refused', (config, expected) => {
    expect(mistake(config)).toContain(expected)
  })
})
