import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/** The certificates in a PEM text; empty when it has none, or an unreadable one. */
export function certificatesIn(text: string): readonly X509Certificate[] {
  try {
    return (text.match(CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem))
  } catch {
    return []
  }
}

/** The private key in a PEM text, or why there is none. */
export function privateKeyIn(text: string): KeyObject | 'encrypted' | 'none' {
  try {
    return createPrivateKey({ key: text, format: 'pem' })
  } catch {
    return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text) ? 'encrypted' : 'none'
  }
}
