import { accessSync, constants, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { BodyStore, type BodyStoreOptions } from '../body/body-store.ts'
import { Classifier } from '../classify/classify-predict-request.ts'
import { type ClassifyLimits, resolveLimits } from '../classify/limits.ts'
import { defaults } from '../config/defaults.ts'
import { parseExchangeOptions } from '../config/parse-policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import { parseSize } from '../config/size.ts'
import type { Tracing } from './tracing.ts'

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
  /** How much of a request is read to know its job; one beyond a limit is unclassified. */
  readonly limits?: ClassifyLimits | undefined
  /**
   * How much of a request is retained in memory for another attempt. A larger one goes to disk, unless it is no larger
   * than what all requests leave free of 32 times as much.
   * @default '1mb'
   */
  readonly bodyMemory?: number | string | undefined
  /**
   * How much of all requests together is retained in memory, with what it costs to keep it.
   * @default '256mb'
   */
  readonly totalBodyMemory?: number | string | undefined
  /**
   * Whether what does not fit into memory goes to a temp file, or the directory for it; a file system in memory is of
   * little use. With `false`, such a request is forwarded once.
   * @default true, which is the system's directory for temp files
   */
  readonly bodySpool?: boolean | string | undefined
  /**
   * Which responses say in the header `x-immich-ml-route` what was decided, and why: those to requests with
   * `x-immich-ml-explain: 1`, all, or none.
   * @default 'on-request'
   */
  readonly explainHeader?: 'on-request' | 'always' | false | undefined
  /**
   * Follows each request, such as `openTelemetryTracing()` of `@immich-ml-router/core/tracing`. In code alone.
   * @default none
   */
  readonly tracing?: Tracing | undefined
}

/** The same, complete and checked. */
export interface ResolvedExchangeOptions {
  readonly onUnclassified: 'route' | 'reject'
  /** In bytes; `Infinity` for no limit. */
  readonly maxBodySize: number
  readonly classifier: Classifier
  readonly store: BodyStore
  readonly explainHeader: 'on-request' | 'always' | false
  readonly tracing: Tracing | undefined
}

/** Those that are data. */
export type ExchangeData = Omit<ExchangeOptions, 'tracing'>

/** The same, complete and checked; the store is one for all requests, whatever the options. */
export interface CheckedExchangeOptions extends Omit<ResolvedExchangeOptions, 'store' | 'tracing'> {
  readonly retention: BodyStoreOptions
}

/**
 * Checks the options and completes them with the defaults.
 *
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function resolveExchangeOptions(options: ExchangeOptions = {}): ResolvedExchangeOptions {
  const { tracing, ...data } = options
  const { retention, ...resolved } = checkExchangeOptions(data)
  if (tracing !== undefined && typeof tracing?.begin !== 'function')
    throw new ConfigError([
      problem('tracing', 'must be an object with begin(), as openTelemetryTracing() makes'),
    ])
  return { ...resolved, store: new BodyStore(retention), tracing }
}

/** @throws {ConfigError} with every mistake, each with its path. */
export function checkExchangeOptions(options: ExchangeData): CheckedExchangeOptions {
  const parsed = parseExchangeOptions(withoutInfinity(options))
  const {
    onUnclassified = defaults.onUnclassified,
    bodySpool = defaults.bodySpool,
    explainHeader = defaults.explainHeader,
  } = parsed
  const size = (key: 'maxBodySize' | 'bodyMemory' | 'totalBodyMemory') =>
    parseSize(parsed[key] ?? defaults[key]) ?? defaults[key]
  if (typeof bodySpool === 'string' && !isWritable(bodySpool)) {
    throw new ConfigError([problem('bodySpool', 'must be a directory that can be written to')])
  }
  const bodyMemory = size('bodyMemory')
  const retention = {
    bodyMemory,
    spareMemory: bodyMemory * defaults.spareBodies,
    totalBodyMemory: size('totalBodyMemory'),
    directory: bodySpool === true ? tmpdir() : bodySpool === false ? undefined : bodySpool,
  }
  const classifier = new Classifier(resolveLimits(parsed.limits))
  return { onUnclassified, maxBodySize: size('maxBodySize'), classifier, explainHeader, retention }
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return statSync(directory).isDirectory()
  } catch {
    return false
  }
}

/** In code, no limit may be `Infinity`; as data, which has none, it is `unlimited`. */
export function withoutInfinity<T extends ExchangeOptions>(options: T): T {
  return options?.maxBodySize === Number.POSITIVE_INFINITY
    ? { ...options, maxBodySize: 'unlimited' }
    : options
}
