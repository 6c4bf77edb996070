import { accessSync, constants, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { BodyStore } from '../body/body-store.ts'
import { Classifier } from '../classify/classify-predict-request.ts'
import { defaults } from '../config/defaults.ts'
import type { ExchangeData } from '../config/policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import { type ResolvedExchange, resolveExchange } from '../config/resolve.ts'
import type { Tracing } from './tracing.ts'

/** Options for reading a request. */
export interface ExchangeOptions extends ExchangeData {
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

/**
 * Checks the options and completes them with the defaults.
 *
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function resolveExchangeOptions(options: ExchangeOptions = {}): ResolvedExchangeOptions {
  const { tracing, ...data } = options
  const { retention, ...resolved } = checkExchange(resolveExchange(data))
  if (tracing !== undefined && typeof tracing?.begin !== 'function')
    throw new ConfigError([
      problem('tracing', 'must be an object with begin(), as openTelemetryTracing() makes'),
    ])
  return { ...resolved, store: new BodyStore(retention), tracing }
}

/**
 * Checks resolved options. The store of the bodies, which `retention` is for, is one for all requests, whatever the options.
 *
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function checkExchange(options: ResolvedExchange) {
  const { limits, bodyMemory, totalBodyMemory, bodySpool, ...resolved } = options
  if (typeof bodySpool === 'string' && !isWritable(bodySpool)) {
    throw new ConfigError([
      problem('bodySpool', 'must be a directory that can be written to; create it, or choose another'),
    ])
  }
  const retention = {
    bodyMemory,
    spareMemory: bodyMemory * defaults.spareBodies,
    totalBodyMemory,
    directory: bodySpool === true ? tmpdir() : bodySpool === false ? undefined : bodySpool,
  }
  return { ...resolved, classifier: new Classifier(limits), retention }
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return statSync(directory).isDirectory()
  } catch {
    return false
  }
}
