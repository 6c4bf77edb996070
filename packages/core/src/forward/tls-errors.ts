import { TlsError } from '../errors.ts'

const UNKNOWN_CA = 'its certificate is signed by nobody who is known here: tls.ca is missing or another'
const REFUSED = 'it does not take the client certificate: tls.cert and tls.key are missing or others'
const NO_TLS = 'it does not speak TLS on this port'

/** What a handshake fails for, by Node's and OpenSSL's codes. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
  ['CERT_REVOKED', 'its certificate was revoked'],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'its certificate is for another name: tls.servername is missing or another',
  ],
  ['HOSTNAME_MISMATCH', 'its certificate is for another name: tls.servername is missing or another'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_CA],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_CA],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_CA],
  ['CERT_SIGNATURE_FAILURE', UNKNOWN_CA],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', REFUSED],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', REFUSED],
  ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', REFUSED],
  ['ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR', REFUSED],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', REFUSED],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', REFUSED],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', REFUSED],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', REFUSED],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', REFUSED],
  ['ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', REFUSED],
  [
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    'it did not agree to a connection: it may want a client certificate',
  ],
  [
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
    'it did not agree to a connection: it may want a client certificate',
  ],
  ['ERR_SSL_WRONG_VERSION_NUMBER', NO_TLS],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', NO_TLS],
])

/** The error in words, when it is one of a TLS handshake. Nothing that was sent has been worked on then. */
export function tlsErrorOf(error: unknown): TlsError | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  const words = typeof code === 'string' ? WORDS.get(code) : undefined
  return typeof code === 'string' && words !== undefined ? new TlsError(words, code, error) : undefined
}
