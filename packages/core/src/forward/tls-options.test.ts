import { describe, expect, it } from 'vitest'
import type { TlsSettings } from '../backend/backend-settings.ts'
import { type ConnectorTls, proxyTls, tlsFor } from './tls-options.ts'

describe('the TLS settings of a backend', () => {
  const client = { cert: 'proxy cert', key: 'proxy key', passphrase: 'x', pfx: 'x' }
  it.each<[ConnectorTls, TlsSettings | undefined, ConnectorTls]>([
    [{}, undefined, {}],
    [{ ca: 'proxy' }, undefined, { ca: 'proxy' }],
    [{ ca: 'proxy', rejectUnauthorized: false }, { ca: 'own' }, { ca: 'own', rejectUnauthorized: false }],
    [{ rejectUnauthorized: false }, { rejectUnauthorized: true }, { rejectUnauthorized: true }],
    [client, { servername: 'ml' }, { ...client, servername: 'ml' }],
    [
      { ...client, ca: 'proxy' },
      { cert: 'own', key: 'own' },
      { ca: 'proxy', cert: 'own', key: 'own' },
    ],
  ])('behind those of the proxy %j are %j', (general, own, settings) => {
    expect(tlsFor(general, own)).toEqual(settings)
  })

  it.each([
    [{}, {}],
    [
      { ssl: { ca: 'a', key: 'k' }, ca: 'b', secure: false },
      { ca: 'b', key: 'k', rejectUnauthorized: false },
    ],
    [{ ssl: null, secure: true }, { rejectUnauthorized: true }],
  ])('of the proxy %j are %j', (options, settings) => {
    expect(proxyTls(options)).toEqual(settings)
  })
})
