import { configSchema } from './router-schema.ts'
import { schemaAt } from './schema-walk.ts'

/** Members of a backend whose values are secret. */
const SECRET: ReadonlySet<PropertyKey> = new Set(['auth', 'headers', 'tls'])
/** Members of `tls` that are not. */
const PLAIN_TLS: ReadonlySet<PropertyKey> = new Set(['insecure', 'servername'])

/**
 * What may be shown of the value at a path of a configuration file:
 *
 * - `plain`: everything but the credentials of a URL;
 * - `secret`: nothing;
 * - `unknown`: nothing, because the path is not an option. It may be a misspelled one with a secret value.
 *
 * @example
 * ```ts
 * import { optionKind } from '@immich-ml-router/core/parts'
 *
 * console.log(optionKind(['backends', 'gpu', 'url'])) // plain
 * ```
 */
export function optionKind(path: readonly PropertyKey[]): 'plain' | 'secret' | 'unknown' {
  if (schemaAt(configSchema, path) === undefined) return 'unknown'
  const [top, , member, inner] = path
  if (top === 'backends' && member === 'tls' && inner !== undefined && PLAIN_TLS.has(inner)) return 'plain'
  if (top === 'backends' && member !== undefined && SECRET.has(member)) return 'secret'
  if (top === 'immich' && path[1] === 'apiKey') return 'secret'
  // The value of a client's header may be a key.
  if (top === 'routes' && member === 'match' && inner === 'header') return 'secret'
  return 'plain'
}
