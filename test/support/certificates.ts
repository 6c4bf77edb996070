import { generate, type SelfsignedOptions } from 'selfsigned'

/** Who somebody is, as PEM texts. */
export interface Certified {
  readonly cert: string
  readonly key: string
}

/** A certificate authority. */
export interface Authority extends Certified {
  /** A certificate for some names, which may be addresses. */
  certify(names: readonly string[], options?: { readonly until?: Date }): Promise<Certified>
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

/** A date on which a certificate had expired. */
export const YESTERDAY = new Date(Date.now() - DAY)

async function make(commonName: string, options: SelfsignedOptions): Promise<Certified> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...options,
  })
  return { key, cert }
}
