import { expect, it } from 'vitest'
import { TlsError } from '../errors.ts'
import { tlsErrorOf } from './tls-errors.ts'

const withCode = (code: string) => Object.assign(new Error(code), { code })

it.each([
  ['SELF_SIGNED_CERT_IN_CHAIN', 'certificate signed by an unknown authority; check tls.ca'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate issued for another name; check tls.servername'],
  ['CERT_HAS_EXPIRED', 'certificate expired'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'no TLS on this port; check the scheme and port of url'],
])('%s: %s', (code, message) => {
  const cause = withCode(code)
  const error = tlsErrorOf(cause)
  expect(error).toBeInstanceOf(TlsError)
  expect([error?.message, error?.cause]).toEqual([expect.stringContaining(message), cause])
})

it.each([withCode('ECONNRESET'), new Error('no code'), 'a string', undefined])(
  '%s is no TLS error',
  (error) => {
    expect(tlsErrorOf(error)).toBeUndefined()
  },
)
