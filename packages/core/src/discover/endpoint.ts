import { isIPv6 } from 'node:net'

/** One address of a backend's name. */
export interface Endpoint {
  /** An IPv4 or IPv6 address. */
  readonly address: string
  readonly port: number
  /** Factor of the backend's weight; 1 on average. */
  readonly share: number
  /** Priority from 0 (most preferred) to below 1, added to the backend's tier. */
  readonly rank: number
}

/** The endpoint in logs: `10.0.0.3:3003`, `[fd00::3]:3003`. */
export function formatEndpoint({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}
