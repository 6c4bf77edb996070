import { createPrivateKey } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { authority } from '../../../../test/support/certificates.ts'
import { selectBackend } from '../router/select-backend.ts'
import { parseConfig } from './parse.ts'
import type { BackendOptions } from './policy.ts'

const url = 'https://ml.example'
let cert: string
let key: string
let otherKey: string
let encryptedKey: string

beforeAll(async () => {
  const { certify } = await authority()
  const [mine, other] = await Promise.all([certify(['ml']), certify(['ml'])])
  cert = mine.cert
  key = mine.key
  otherKey = other.key
  encryptedKey = createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
    .toString()
})

const backendOf = (options: Omit<BackendOptions, 'url'> & { url?: string }) =>
  selectBackend({ backends: { a: { url, ...options } } }).lease('a').backend
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe("a backend's own headers", () => {
  it.each<[Omit<BackendOptions, 'url'> & { url?: string }, Record<string, string> | undefined]>([
    [{}, undefined],
    [{ headers: {} }, undefined],
    [{ auth: { bearer: 't0ken' } }, { authorization: 'Bearer t0ken' }],
    [{ auth: { basic: { username: 'me', password: 'a:ü' } } }, { authorization: basic('me:a:ü') }],
    [{ url: 'https://me:a%3A%C3%BC@ml.example' }, { authorization: basic('me:a:ü') }],
    [{ headers: { 'X-Key': 'k', Authorization: 'Token t' } }, { 'x-key': 'k', authorization: 'Token t' }],
    [
      { headers: { 'x-key': '' }, auth: { bearer: 't' } },
      { 'x-key': '', authorization: 'Bearer t' },
    ],
  ])('by %j', (options, headers) => {
    expect(backendOf(options).target.headers()).toEqual(headers)
  })
})

describe('what is wrong', () => {
  const problems = (options: object) => {
    try {
      parseConfig({ backends: { a: { url, ...options } } })
      return []
    } catch (error) {
      return String(error instanceof Error ? error.message : error)
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
    }
  }

  it.each([
    [{ headers: 'x' }, 'headers must be an object of values by header name.'],
    [{ headers: { 'a b': 'x' } }, 'headers["a b"] must be a header name.'],
    [{ headers: { 'x-a': 1 } }, 'headers.x-a must be text of one line; a number needs quotes.'],
    [{ headers: { 'x-a': 'a\r\nhost: b' } }, 'headers.x-a must be text of one line; a number needs quotes.'],
    [{ headers: { 'x-a': 'я' } }, 'headers.x-a must be text of one line; a number needs quotes.'],
    ...['Host', 'content-length', 'Connection', 'TE', 'transfer-encoding', 'Content-Type', 'expect'].map(
      (name): [object, string] => [
        { headers: { [name]: 'x' } },
        `headers.${name} must not be a header that frames or describes the message.`,
      ],
    ),
    [{ headers: { 'x-a': '1', 'X-A': '2' } }, 'headers.X-A is set twice.'],
    [{ auth: {} }, 'auth must have one of basic and bearer.'],
    [
      { auth: { bearer: 't', basic: { username: 'u', password: 'p' } } },
      'auth must have one of basic and bearer.',
    ],
    [{ auth: { baerer: 't' } }, 'auth.baerer is not an option. Did you mean "bearer"?'],
    [{ auth: { basic: { username: 'u' } } }, 'auth.basic.password is missing.'],
    [
      { auth: { basic: { username: 'a:b', password: '' } } },
      'auth.basic.username must be text without a colon and control characters; a number needs quotes.',
    ],
    [
      { auth: { basic: { username: 'a', password: 1234 } } },
      'auth.basic.password must be text without control characters; a number needs quotes.',
    ],
    ...['Bearer x', '', 'a\n', 'я'].map((bearer): [object, string] => [
      { auth: { bearer } },
      'auth.bearer must be a token without spaces and without "Bearer" before it; a number needs quotes.',
    ]),
    [
      { url: 'https://me:pw@ml', auth: { bearer: 't' } },
      'auth conflicts with the user name and password in url; set one of them.',
    ],
    [
      { url: 'https://me:pw@ml', headers: { AUTHORIZATION: 't' } },
      'headers.AUTHORIZATION conflicts with the user name and password in url; set one of them.',
    ],
    [
      { headers: { authorization: 't' }, auth: { bearer: 't' } },
      'headers.authorization conflicts with auth; set one of them.',
    ],
    [
      { url: 'http://ml', tls: { insecure: true } },
      'tls needs a url that begins with https://; change the url, or remove tls.',
    ],
    [{ tls: { insecure: 'yes' } }, 'tls.insecure must be true or false.'],
    [
      { tls: { servername: '10.0.0.1' } },
      'tls.servername must be a host name such as ml.example, and no address.',
    ],
    [{ tls: { ca: [] } }, 'tls.ca must not be empty.'],
    [
      { tls: { ca: '/run/secrets/ca.pem' } },
      "tls.ca must be the PEM text of certificates; that of a file is ${file:/run/secrets/ca.pem}, or in code readFileSync(path, 'utf8').",
    ],
  ])('%j', (options, message) => {
    expect(problems(options)).toEqual([`backends.a.${message}`])
  })

  it('with certificates and keys is said with its cure', () => {
    expect(problems({ tls: { cert } })).toEqual(['backends.a.tls.cert needs key as well.'])
    expect(problems({ tls: { key } })).toEqual(['backends.a.tls.key needs cert as well.'])
    expect(problems({ tls: { cert, key } })).toEqual([])
    expect(
      problems({ tls: { cert: `${cert}\n${cert}`, key, ca: [`# mine\n${cert}${cert}`, cert] } }),
    ).toEqual([])
    expect(problems({ tls: { cert, key: otherKey } })).toEqual([
      'backends.a.tls.key does not match cert; of several certificates, its own must be first.',
    ])
    expect(problems({ tls: { cert, key: encryptedKey } })).toEqual([
      'backends.a.tls.key must have no passphrase: "openssl pkey -in key.pem" writes it without.',
    ])
    const broken = cert.replace(/[A-Za-z0-9+/]{20}/, 'AAAA')
    expect(problems({ tls: { ca: [cert, broken] } })[0]).toMatch(
      /^backends\.a\.tls\.ca\[1\] must be the PEM text/,
    )
    // They are changed for each other easily.
    expect(problems({ tls: { cert: key, key: cert } }).map((line) => line.split(';')[0])).toEqual([
      'backends.a.tls.cert must be the PEM text of a certificate',
      'backends.a.tls.key must be the PEM text of a private key',
    ])
  })
})
