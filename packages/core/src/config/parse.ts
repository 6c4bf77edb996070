import type * as z from 'zod'
import { isRecord } from '../record.ts'
import { crossProblems } from './cross-problems.ts'
import { ExpandedConfig } from './expand-config.ts'
import type { Policy, RouterConfig } from './policy.ts'
import { ConfigError, type ConfigProblem, formatPath, problem, toProblems } from './problems.ts'
import { configSchema, policySchema } from './router-schema.ts'
import { keysAt } from './schema-walk.ts'

/** Valid options. */
export interface Parsed<S extends z.ZodType> {
  /** As they were written, in a copy. */
  readonly written: z.input<S>
  /** In milliseconds and bytes, with defaults. Members that others may inherit are not complete: see `resolveConfig`. */
  readonly values: z.output<S>
}

/**
 * Validates a policy that came from a file.
 *
 * @param data The policy, or one that {@link expandConfig} has expanded.
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function parsePolicy(data: unknown): Policy {
  return validate(policySchema, data, crossProblems).written
}

/**
 * Validates a whole configuration that came from a file: a policy and the router's options.
 *
 * @example
 * ```ts
 * import { createRouter, parseConfig } from '@immich-ml-router/core'
 *
 * const config = parseConfig(JSON.parse('{ "backends": { "gpu": { "url": "http://gpu:3003" } } }'))
 * const router = createRouter(config)
 * ```
 *
 * @param data The configuration, or one that {@link expandConfig} has expanded.
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function parseConfig(data: unknown): RouterConfig {
  const { $schema: _, ...config } = validate(configSchema, data, crossProblems).written
  return config
}

/**
 * Validates options against their schema.
 *
 * @param cross Finds the mistakes that no schema sees.
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function validate<S extends z.ZodType>(
  schema: S,
  data: unknown,
  cross: (config: ExpandedConfig) => readonly ConfigProblem[] = () => [],
): Parsed<S> {
  const expanded = data instanceof ExpandedConfig ? data : new ExpandedConfig(data)
  const { config, parsed, problems: found } = check(schema, expanded, cross)
  // A path with two problems has one mistake: what could not be expanded, or a name that is no option either.
  const named = [...expanded.problems, ...elsewhere(found, expanded.problems)]
  const problems = [...named, ...elsewhere(protoProblems(expanded.data()), named)]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  return { written: structuredClone(config.data()) as z.input<S>, values: parsed.data }
}

function elsewhere(problems: readonly ConfigProblem[], known: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.filter(({ path }) => !known.some((other) => other.path === path))
}

function check<S extends z.ZodType>(
  schema: S,
  config: ExpandedConfig,
  cross: (config: ExpandedConfig) => readonly ConfigProblem[],
  retyped = false,
): {
  config: ExpandedConfig
  parsed: z.ZodSafeParseResult<z.output<S>>
  problems: readonly ConfigProblem[]
} {
  const parsed = schema.safeParse(config.data(), { reportInput: true })
  const problems = parsed.success
    ? []
    : toProblems(
        parsed.error,
        (path) => keysAt(schema, path),
        (path) => config.isExpanded(path),
      )
  const refused = new Set(problems.map(({ path }) => path).filter((path) => config.isExpanded(path)))
  // It was refused as text, and may be meant as a number.
  if (refused.size > 0 && !retyped) return check(schema, config.withScalars(refused), cross, true)
  return { config, parsed, problems: [...problems, ...cross(config)] }
}

/** A name that no member can have. */
const PROTO = '__proto__'

/**
 * Members named `__proto__`, each with its path. JavaScript may read such a member as the prototype of the object, and the
 * schema leaves it out, so it would be ignored.
 */
function protoProblems(data: unknown): ConfigProblem[] {
  const seen = new Set<unknown>()
  const visit = (value: unknown, path: readonly PropertyKey[]): ConfigProblem[] => {
    // A YAML alias can refer to its own parent.
    if (seen.has(value) || (!isRecord(value) && !Array.isArray(value))) return []
    seen.add(value)
    if (Array.isArray(value)) return value.flatMap((item, index) => visit(item, [...path, index]))
    const own = hasProto(value)
      ? [problem(formatPath([...path, PROTO]), 'cannot be a name: JavaScript reserves it; choose another')]
      : []
    return own.concat(Object.entries(value).flatMap(([key, item]) => visit(item, [...path, key])))
  }
  return visit(data, [])
}

/** Whether it has a member of this name, or was written in code with one, which is its prototype then. */
function hasProto(value: object): boolean {
  if (Object.hasOwn(value, PROTO)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    isRecord(prototype) &&
    Object.getPrototypeOf(prototype) !== null &&
    !Object.hasOwn(prototype, 'constructor')
  )
}
