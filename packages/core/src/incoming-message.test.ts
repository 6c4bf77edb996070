import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { headOf, IncomingHead, NO_HEAD, pathBelow, pathOf } from './incoming-message.ts'

const asked = (url: string) => ({ url }) as IncomingMessage

describe('pathOf', () => {
  it.each([
    ['/predict', '/predict'],
    ['/predict?x=1', '/predict'],
    ['/', '/'],
    ['http://host/predict', '/predict'],
    ['HTTPS://Host:3003/predict?x=/ping', '/predict'],
    ['http://user@host/ml/ping', '/ml/ping'],
    ['http://[::1]:3003/ping', '/ping'],
    ['http://host', '/'],
    ['http://host?x=/ping', '/'],
    // What a proxy in between checks is what the router sees: nothing is normalised.
    ['/a/../predict', '/a/../predict'],
    ['http://host/a/../predict', '/a/../predict'],
    ['http://host//predict', '//predict'],
    ['//host/predict', '//host/predict'],
    ['*', '*'],
    ['foo:/predict', 'foo:/predict'],
    ['foo://host/predict', 'foo://host/predict'],
  ])('%s is %s', (url, path) => {
    expect(pathOf(asked(url))).toBe(path)
  })
})

describe('pathBelow', () => {
  it.each([
    ['/ml', 'http://host/ml/ping', '/ping'],
    ['/ml', 'http://host/ml', '/'],
    ['/ml', 'http://host/ping', undefined],
    ['', 'http://host', '/'],
  ])('%j, %s', (base, url, path) => {
    expect(pathBelow(base, asked(url))).toBe(path)
  })
})

it.each([
  ['172.18.0.5', '172.18.0.5'],
  ['::ffff:172.18.0.5', '172.18.0.5'],
  ['::1', '::1'],
  ['2001:db8::5', '2001:db8::5'],
  ['::ffff:0:5', '::ffff:0:5'],
  [undefined, undefined],
])('the client at %s is %s', (remoteAddress, client) => {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress })
  expect(new IncomingHead(Object.assign(asked('/predict'), { socket })).client).toBe(client)
})

it.each([
  ['/predict', undefined, '/predict'],
  ['/predict', '/family/predict?x=1', '/family/predict'],
  ['/predict', 'http://gateway:3003/family/predict', '/family/predict'],
  ['/predict?x=1', {}, '/predict'],
])('the path of a request for %s that was sent to %s is %s', (url, originalUrl, path) => {
  const req = Object.assign(asked(url), {
    originalUrl,
    socket: new Socket(),
    headers: { 'x-tenant': 'family' },
  })
  const head = new IncomingHead(req)
  expect([head.path, head.headers['x-tenant']]).toEqual([path, 'family'])
})

describe('headOf', () => {
  const req = Object.assign(new IncomingMessage(new Socket()), { url: '/family/predict?x=1' })
  req.headers['x-tenant'] = 'family'
  const head = new IncomingHead(req)
  const web = new Request('http://gateway/family/predict?x=1', {
    method: 'POST',
    headers: { 'X-Tenant': 'family' },
  })
  it.each<[string, Parameters<typeof headOf>[0]]>([
    ['a request of node:http', req],
    ['a request of the web', web],
    ['the head that a match in code gets', head],
    [
      'an object with getters on its prototype',
      new (class {
        get headers() {
          return req.headers
        }
        get path() {
          return head.path
        }
      })(),
    ],
    ['a part of a head', { headers: { 'X-Tenant': 'family' }, path: '/family/predict' }],
  ])('takes %s', (_, request) => {
    const { headers, path, client } = headOf(request)
    expect([headers['x-tenant'], path, client]).toEqual(['family', '/family/predict', undefined])
  })

  it('is empty without one', () => {
    expect(headOf(undefined)).toBe(NO_HEAD)
    expect(headOf({})).toEqual(NO_HEAD)
  })
})
