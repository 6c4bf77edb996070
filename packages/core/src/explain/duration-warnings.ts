import * as z from 'zod'
import { type ConfigProblem, formatPath, problem } from '../config/problems.ts'
import { isRecord } from '../record.ts'

/** A number below this, in milliseconds, probably lacks its unit. */
const SMALL = 1_000

/** Warns of durations that are written as small numbers without a unit, such as `hold: 12`. */
export function durationWarnings(schema: z.ZodType, value: unknown): ConfigProblem[] {
  return visit(schema, value, [])
}

function visit(schema: unknown, value: unknown, path: readonly PropertyKey[]): ConfigProblem[] {
  if (value === undefined) return []
  if (schema instanceof z.ZodType && z.globalRegistry.get(schema)?.title?.includes('duration'))
    return warningOf(value, path)
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault)
    return visit(schema.unwrap(), value, path)
  if (schema instanceof z.ZodPipe) return visit(schema.in, value, path)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => visit(option, value, path))
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.flatMap((item, index) => visit(schema.element, item, [...path, index]))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, member]) => {
    const inner =
      schema instanceof z.ZodObject
        ? schema.shape[key]
        : schema instanceof z.ZodRecord
          ? schema.valueType
          : undefined
    return visit(inner, member, [...path, key])
  })
}

function warningOf(value: unknown, path: readonly PropertyKey[]): ConfigProblem[] {
  if (typeof value !== 'number' || value >= SMALL) return []
  const message = `is ${value} without a unit, which means ${value} milliseconds; write ${value}ms, ${value}s, ${value}m or ${value}h`
  return [problem(formatPath(path), message)]
}
