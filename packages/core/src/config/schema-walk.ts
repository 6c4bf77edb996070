import * as z from 'zod'

/** The keys that a schema knows at a path, for suggestions. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const at = schemaAt(schema, path)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** The schema at a path, or `undefined` where a schema has no such member. */
export function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): unknown {
  let at: unknown = schema
  for (const key of path) {
    at = unwrap(at)
    if (at instanceof z.ZodObject) at = Object.hasOwn(at.shape, key) ? at.shape[String(key)] : undefined
    else if (at instanceof z.ZodArray) at = at.element
    else if (at instanceof z.ZodRecord) at = at.valueType
    else return undefined
  }
  return unwrap(at)
}

/** The object, list or value within optional members, defaults, transformations and unions. */
function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return unwrap(schema.unwrap())
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  if (schema instanceof z.ZodUnion)
    return unwrap(
      schema.options.find((option) => option instanceof z.ZodObject) ??
        schema.options.find((option) => option instanceof z.ZodArray) ??
        schema.options[0],
    )
  return schema
}
