import { generate, type SelfsignedOptions } from 'selfsigned'

/** A certificate and its key, as PEM text. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** A certificate authority. */
export interface Authority extends KeyPair {
  /** Issues a certificate for host names or IP addresses. */
  certify(names: readonly string[], options?: { readonly until?: Date }): Promise<KeyPair>
}

const DAY = 86_400_000

export async function authority(name = 'a test'): Promise<Authority> {
  const own = await make(name, {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  })
  return {
    ...own,
    certify: (names, { until = new Date(Date.now() + DAY) } = {}) =>
      make(names[0] ?? name, {
        ca: own,
        notBeforeDate: new Date(Date.now() - 2 * DAY),
        notAfterDate: until,
        extensions: [
          { name: 'basicConstraints', cA: false },
          {
            name: 'subjectAltName',
            altNames: names.map((it) => (/^[\d.]+$/.test(it) ? { type: 7, ip: it } : { type: 2, value: it })),
          },
        ],
      }),
  }
}

/** An expiry date in the past. */
export const YESTERDAY = new Date(Date.now() - DAY)

async function make(commonName: string, options: SelfsignedOptions): Promise<KeyPair> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...options,
  })
  return { key, cert }
}
