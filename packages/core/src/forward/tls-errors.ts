import { TlsError } from '../errors.ts'

const UNKNOWN_CA = 'certificate signed by an unknown authority; check tls.ca'
const REFUSED = 'client certificate refused; check tls.cert and tls.key'
const OTHER_NAME = 'certificate issued for another name; check tls.servername'
const NO_HANDSHAKE = 'TLS handshake refused; the server may require a client certificate (tls.cert, tls.key)'
const NO_TLS = 'no TLS on this port; check the scheme and port of url'

/** Why a handshake failed, by Node's and OpenSSL's codes. */
const MESSAGES: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'certificate expired'],
  ['CERT_NOT_YET_VALID', 'certificate not valid yet; check the clocks'],
  ['CERT_REVOKED', 'certificate revoked'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', OTHER_NAME],
  ['HOSTNAME_MISMATCH', OTHER_NAME],
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
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', NO_HANDSHAKE],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', NO_HANDSHAKE],
  ['ERR_SSL_WRONG_VERSION_NUMBER', NO_TLS],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', NO_TLS],
])

/** The error with a plain message, if a TLS handshake failed. The backend has not worked on the request then. */
export function tlsErrorOf(error: unknown): TlsError | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  if (typeof code !== 'string') return undefined
  const message = MESSAGES.get(code)
  return message === undefined ? undefined : new TlsError(message, code, error)
}
