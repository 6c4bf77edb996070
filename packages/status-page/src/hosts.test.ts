import { describe, expect, it } from 'vitest'
import { Hosts } from './hosts.ts'

const hosts = new Hosts(['ML.example.org', 'müller.example', 'gateway'])

describe('the host names of the page', () => {
  it.each([
    'localhost',
    'localhost:3003',
    'LOCALHOST:',
    'localhost.',
    'router.localhost:3003',
    '127.0.0.1',
    '192.168.1.20:3003',
    '8.8.8.8',
    '[::1]',
    '[::1]:3003',
    '[FE80::1]:3003',
    '[fe80::1%eth0]:3003',
    'ml.example.org',
    'ml.example.org.:443',
    'ML.EXAMPLE.ORG',
    'xn--mller-kva.example',
    'gateway:3003',
  ])('include %s', (host) => {
    expect(hosts.refused({ headers: { host } })).toBeUndefined()
  })

  it.each([
    'evil.example',
    'evil.example:3003',
    'ml.example.org.evil.example',
    'evil.ml.example.org',
    'localhost.evil.example',
    'notlocalhost',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    '2130706433',
    '[::1].evil.example',
    '[evil.example]',
    '[]',
    ':3003',
    '.',
    'localhost:3003:1',
    'gateway..',
    'localhost/../evil',
  ])('do not include %s', (host) => {
    expect(hosts.refused({ headers: { host } })).toBe(host)
  })

  it('are not required: a browser always sends one', () => {
    expect([hosts.refused({ headers: {} }), hosts.refused({ headers: { host: '' } })]).toEqual([
      undefined,
      undefined,
    ])
  })

  it('are checked wherever a browser sends them', () => {
    const [host, evil] = ['localhost', 'evil.example']
    expect(hosts.refused({ headers: { ':authority': evil } })).toBe(evil)
    expect(hosts.refused({ headers: { host }, url: `http://${evil}:80/_router` })).toBe(evil)
    expect(hosts.refused({ headers: { host }, url: `http://localhost@${evil}/_router` })).toBe(evil)
    expect(hosts.refused({ headers: { host }, url: 'http://localhost:3003/_router' })).toBeUndefined()
  })

  it('are not read from headers of proxies', () => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'localhost', forwarded: 'host=localhost' }
    expect(hosts.refused({ headers })).toBe('evil.example')
  })

  it('can all be allowed', () => {
    expect(new Hosts(['*']).refused({ headers: { host: 'evil.example' } })).toBeUndefined()
  })

  it.each(['', 'http://gpu', 'gpu:3003', 'a b', 'a/b', '*.example.org', '-a'])('cannot be "%s"', (name) => {
    expect(() => new Hosts([name])).toThrow(/hosts has ".*", which is not a host name/)
  })
})

it('rejects a second Host header that is not allowed', () => {
  const headersDistinct = { host: ['localhost', 'evil.example'] }
  expect(hosts.refused({ headers: { host: 'localhost' }, headersDistinct })).toBe('evil.example')
})

it.each(['gateway', [5], [undefined]])('rejects the option %j', (names) => {
  expect(() => new Hosts(names as never)).toThrow(RangeError)
})
