import { defaults } from './defaults.ts'
import { parseDuration } from './duration.ts'

/**
 * How long each part of a request may take: milliseconds, or `250ms`, `30s`, `10m`, `12h`, or `unlimited`. They can be
 * set for all, for a backend and for a route: the route's word counts before the backend's, and this before that for all.
 */
export interface TimeoutOptions {
  /**
   * To open a connection.
   * @default '2s'
   */
  readonly connect?: number | string | undefined
  /**
   * From the last byte of the request to the first of the response: a cold model on a slow CPU takes minutes.
   * @default '10m'
   */
  readonly response?: number | string | undefined
  /**
   * Between two pieces of the response.
   * @default '2m'
   */
  readonly idle?: number | string | undefined
  /**
   * For all attempts together.
   * @default 'unlimited'
   */
  readonly total?: number | string | undefined
}

/** The same, complete and in milliseconds; `Infinity` where there is no limit. */
export interface Timeouts {
  readonly connect: number
  readonly response: number
  readonly idle: number
  readonly total: number
}

/**
 * Combines timeouts and fills in the defaults.
 *
 * @param options From the most specific to the most general: route, backend, policy.
 */
export function resolveTimeouts(...options: readonly (TimeoutOptions | undefined)[]): Timeouts {
  const pick = (key: keyof Timeouts, otherwise: number) => {
    const written = options.find((candidate) => candidate?.[key] !== undefined)?.[key]
    return written === undefined ? otherwise : (parseDuration(written) ?? otherwise)
  }
  return {
    connect: pick('connect', defaults.connectTimeout),
    response: pick('response', defaults.responseTimeout),
    idle: pick('idle', defaults.idleTimeout),
    total: pick('total', Number.POSITIVE_INFINITY),
  }
}
