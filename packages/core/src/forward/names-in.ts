import type { Entry } from '../classify/classification.ts'
import { isRecord } from '../record.ts'

/** Names and texts of a request's entries: an error message may repeat them without being about them. */
export function namesIn(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ task, type, model, options }) => [task, type, model, ...textsIn(options, DEPTH)])
}

/** Immich's options contain no objects. */
const DEPTH = 3

function textsIn(value: unknown, depth: number): string[] {
  if (typeof value === 'string') return [value]
  if (depth === 0) return []
  if (Array.isArray(value)) return value.flatMap((item) => textsIn(item, depth - 1))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsIn(item, depth - 1)])
}
