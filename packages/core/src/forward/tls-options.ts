import type { ServerOptions } from 'http-proxy-3'
import type { TlsSettings } from '../backend/backend-settings.ts'

/** Settings as Node's `tls.connect`, and so undici's connector, takes them. */
export type ConnectorTls = Readonly<Record<string, unknown>>

/** http-proxy-3's `ssl`, `ca` and `secure`. */
export function proxyTls({ ssl, ca, secure }: ServerOptions): ConnectorTls {
  return {
    ...(typeof ssl === 'object' && ssl !== null ? ssl : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(secure === undefined ? {} : { rejectUnauthorized: secure }),
  }
}

/** Merges TLS settings: each setting of the backend replaces the general one. */
export function tlsFor(general: ConnectorTls, own: TlsSettings | undefined): ConnectorTls {
  if (own?.cert === undefined) return { ...general, ...own }
  // The client's identity is one setting: certificate, key and passphrase, or all of them as a PFX.
  const { pfx: _, passphrase: __, cert: ___, key: ____, ...rest } = general
  return { ...rest, ...own }
}
