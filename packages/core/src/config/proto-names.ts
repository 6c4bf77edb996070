import { isRecord } from '../record.ts'
import { type ConfigProblem, formatPath, problem } from './problems.ts'

const NAME = '__proto__'

/**
 * Members named `__proto__`, each with its path. JavaScript may read such a member as the prototype of the object, and the
 * schema leaves it out, so it would be ignored.
 */
export function protoProblems(data: unknown): ConfigProblem[] {
  const seen = new Set<unknown>()
  const visit = (value: unknown, path: readonly PropertyKey[]): ConfigProblem[] => {
    // A YAML alias can refer to its own parent.
    if (seen.has(value) || (!isRecord(value) && !Array.isArray(value))) return []
    seen.add(value)
    if (Array.isArray(value)) return value.flatMap((item, index) => visit(item, [...path, index]))
    const own = hasProto(value)
      ? [problem(formatPath([...path, NAME]), 'cannot be a name: JavaScript reserves it; choose another')]
      : []
    return own.concat(Object.entries(value).flatMap(([key, item]) => visit(item, [...path, key])))
  }
  return visit(data, [])
}

/** Whether it has a member of this name, or was written in code with one, which is its prototype then. */
function hasProto(value: object): boolean {
  if (Object.hasOwn(value, NAME)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    isRecord(prototype) &&
    Object.getPrototypeOf(prototype) !== null &&
    !Object.hasOwn(prototype, 'constructor')
  )
}
