import { configWarnings, type RouterConfig } from '@immich-ml-router/core'
import { problemText } from '@immich-ml-router/core/parts'
import type { Logger } from 'pino'

/** Logs a line for each setting that is valid but probably a mistake. */
export function logWarnings(options: RouterConfig, logger: Logger): void {
  for (const warning of configWarnings(options)) logger.warn(`configuration: ${problemText(warning)}`)
}
