import { defaults } from '../defaults.ts'
import { parseExchangeOptions } from '../policy/parse-policy.ts'
import { parseSize } from '../policy/size.ts'

export interface ExchangeOptions {
  /**
   * What becomes of a request whose job is not known: `route` sends it to the default route, `reject` answers 422 as
   * the ML server would.
   * @default 'route'
   */
  readonly onUnclassified?: 'route' | 'reject' | undefined
  /**
   * Largest predict request: bytes, a size such as `32mb`, or `unlimited`.
   * @default '32mb'
   */
  readonly maxBodySize?: number | string | undefined
}

/** The same, complete and checked. */
export interface ResolvedExchangeOptions {
  readonly onUnclassified: 'route' | 'reject'
  /** In bytes; `Infinity` for no limit. */
  readonly maxBodySize: number
}

/**
 * Checks the options and completes them with the defaults.
 *
 * @throws {PolicyError} with every mistake, each with its path.
 */
export function resolveExchangeOptions(options: ExchangeOptions = {}): ResolvedExchangeOptions {
  const { maxBodySize, onUnclassified } = parseExchangeOptions(withoutInfinity(options))
  return {
    onUnclassified: onUnclassified ?? defaults.onUnclassified,
    maxBodySize: parseSize(maxBodySize ?? defaults.maxBodySize) ?? defaults.maxBodySize,
  }
}

/** In code, no limit may be `Infinity`; as data, which has none, it is `unlimited`. */
export function withoutInfinity<T extends ExchangeOptions>(options: T): T {
  return options?.maxBodySize === Number.POSITIVE_INFINITY
    ? { ...options, maxBodySize: 'unlimited' }
    : options
}
