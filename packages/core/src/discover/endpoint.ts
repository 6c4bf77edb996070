import { isIPv6 } from 'node:net'

/** One address of a backend's name. */
export interface Endpoint {
  /** An IPv4 or IPv6 address. */
  readonly address: string
  readonly port: number
  /** What the backend's weight is multiplied by; 1 on average. */
  readonly share: number
  /** How far it stands behind the most preferred: from 0 to below 1, added to the backend's tier. */
  readonly rank: number
}

/** As it stands in logs: `10.0.0.3:3003`, `[fd00::3]:3003`. */
export function formatEndpoint({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}
