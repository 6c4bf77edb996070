import { isIP } from 'node:net'
import { z } from 'zod'
import type { ClassifyLimits } from '../classify/limits.ts'
import type { AnswerOptions } from '../judge/answer-classes.ts'
import { isRecord } from '../record.ts'
import { connectionProblems } from './connection-problems.ts'
import { ExpandedConfig } from './expand-config.ts'
import type { Policy } from './policy.ts'
import { ConfigError, type ConfigProblem, formatPath, problem, suggest, toProblems } from './problems.ts'
import { protoProblems } from './proto-names.ts'
import { configSchema, exchangeSchema, forwardSchema, policySchema } from './schema.ts'

/** What a configuration file says: a policy, and the options of the router that are data. */
export interface RouterConfig extends Policy {
  readonly path?: string | undefined
  readonly maxBodySize?: number | string | undefined
  readonly onUnclassified?: 'route' | 'reject' | undefined
  readonly limits?: ClassifyLimits | undefined
  readonly bodyMemory?: number | string | undefined
  readonly totalBodyMemory?: number | string | undefined
  readonly bodySpool?: boolean | string | undefined
  readonly explainHeader?: 'on-request' | 'always' | false | undefined
  readonly forwarder?: 'http-proxy-3' | 'direct' | undefined
  readonly answers?: AnswerOptions | undefined
  readonly answerMemory?: number | string | undefined
  readonly backendHeader?: string | false | undefined
  readonly upstreamHeader?: string | undefined
  readonly forwardHeaders?: readonly string[] | undefined
}

/**
 * Validates a policy that came from a file.
 *
 * @param data The policy, or one that {@link expandConfig} has expanded.
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function parsePolicy(data: unknown): Policy {
  return validate(policySchema, data, policyProblems)
}

/**
 * Validates a whole configuration that came from a file: a policy and the router's options.
 *
 * @param data The configuration, or one that {@link expandConfig} has expanded.
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function parseConfig(data: unknown): RouterConfig {
  const { $schema: _, ...config } = validate(configSchema, data, policyProblems)
  return config
}

/**
 * Validates the options of `classifyPredict()`.
 *
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function parseExchangeOptions(data: unknown): z.output<typeof exchangeSchema> {
  return validate(exchangeSchema, data)
}

/**
 * Validates the options of `forward()` that are data.
 *
 * @throws {ConfigError} with every mistake, each with its path.
 */
export function parseForwardOptions(data: unknown): z.output<typeof forwardSchema> {
  return validate(forwardSchema, data)
}

function validate<T extends z.ZodType>(
  schema: T,
  written: unknown,
  beyond: (config: ExpandedConfig) => readonly ConfigProblem[] = () => [],
): z.output<T> {
  const config = written instanceof ExpandedConfig ? written : new ExpandedConfig(written)
  const { parsed, problems: found } = check(schema, config, beyond)
  // What is found twice is one mistake: what could not be expanded, or a name that is no option either.
  const named = [...config.problems, ...elsewhere(found, config.problems)]
  const problems = [...named, ...elsewhere(protoProblems(config.data()), named)]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  return parsed.data
}

function elsewhere(problems: readonly ConfigProblem[], known: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.filter(({ path }) => !known.some((other) => other.path === path))
}

function check<T extends z.ZodType>(
  schema: T,
  config: ExpandedConfig,
  beyond: (config: ExpandedConfig) => readonly ConfigProblem[],
  retyped = false,
): { parsed: z.ZodSafeParseResult<z.output<T>>; problems: readonly ConfigProblem[] } {
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
  if (refused.size > 0 && !retyped) return check(schema, config.withScalars(refused), beyond, true)
  return { parsed, problems: [...problems, ...beyond(config)] }
}

/**
 * The mistakes that no schema sees: references between backends and routes. It looks at unvalidated data, so that
 * these are reported along with the others.
 */
function policyProblems(config: ExpandedConfig): ConfigProblem[] {
  const data = config.data()
  if (!isRecord(data) || !isRecord(data['backends'])) return []
  const names = Object.keys(data['backends'])
  if (names.length === 0) return [problem('backends', 'must have at least one backend')]
  const { routes } = data
  const own = Object.entries(data['backends']).flatMap(([name, backend]) =>
    isRecord(backend)
      ? [
          ...connectionProblems(name, backend),
          ...slotProblems(name, backend),
          ...discoverProblems(name, backend),
        ]
      : [],
  )
  if (!Array.isArray(routes)) return own
  return own.concat(
    routes.flatMap((route: unknown, index) => {
      if (!isRecord(route)) return []
      const last = index === routes.length - 1
      return [
        ...matchProblems(route, `routes[${index}]`, last),
        ...referenceProblems(route, `routes[${index}]`, names, config),
        ...unservedProblems(route, `routes[${index}]`, data['backends'], config),
      ]
    }),
  )
}

function slotProblems(name: string, backend: Record<string, unknown>): ConfigProblem[] {
  const { maxConcurrent, reserve } = backend
  if (reserve === undefined || reserve === 0) return []
  const path = formatPath(['backends', name, 'reserve'])
  if (maxConcurrent === 'unlimited') return [problem(path, 'needs a maxConcurrent that it is a part of')]
  if (typeof reserve !== 'number' || typeof maxConcurrent !== 'number' || reserve < maxConcurrent) return []
  return [problem(path, 'must be below maxConcurrent')]
}

function discoverProblems(name: string, { url, discover }: Record<string, unknown>): ConfigProblem[] {
  if (discover === undefined || typeof url !== 'string' || !URL.canParse(url)) return []
  const { hostname } = new URL(url)
  if (isIP(hostname.replace(/^\[|\]$/g, '')) === 0) return []
  const path = formatPath(['backends', name, 'discover'])
  return [problem(path, 'needs a url with a host name, not with an address')]
}

function matchProblems(route: Record<string, unknown>, path: string, last: boolean): ConfigProblem[] {
  const matchesAll = route['match'] === undefined
  if (last && !matchesAll) {
    return [
      problem(`${path}.match`, 'must not be there: the last route takes every request that no other takes'),
    ]
  }
  if (!last && matchesAll) {
    return [
      problem(
        path,
        'has no match and takes every request, so the routes behind it get none: move it to the end',
      ),
    ]
  }
  return []
}

function referenceProblems(
  route: Record<string, unknown>,
  path: string,
  names: readonly string[],
  config: ExpandedConfig,
): ConfigProblem[] {
  if (!Array.isArray(route['backends'])) return []
  const seen = new Set<unknown>()
  return route['backends'].flatMap((name: unknown, index) => {
    const at = `${path}.backends[${index}]`
    const repeated = seen.has(name)
    seen.add(name)
    if (typeof name !== 'string') return []
    const isSecret = config.isExpanded(at)
    const shown = isSecret ? 'a backend' : `"${name}"`
    if (!names.includes(name)) {
      const suggestion = isSecret ? undefined : suggest(name, names)
      return [problem(at, `names ${shown}, which is not among the backends`, suggestion)]
    }
    return repeated ? [problem(at, `names ${shown} a second time`)] : []
  })
}

/** A task that the route matches by name, and that the `tasks` of every one of its backends exclude. */
function unservedProblems(
  { match, backends: names }: Record<string, unknown>,
  path: string,
  backends: unknown,
  config: ExpandedConfig,
): ConfigProblem[] {
  if (!isRecord(match) || !Array.isArray(names) || !isRecord(backends)) return []
  const served = names.map((name: unknown) => {
    const backend = typeof name === 'string' ? backends[name] : undefined
    return isRecord(backend) && Array.isArray(backend['tasks']) ? backend['tasks'] : undefined
  })
  const isUnserved = (task: unknown) =>
    typeof task === 'string' &&
    !task.includes('*') &&
    served.every((tasks) => tasks?.includes(task) === false)
  const { task: written } = match
  return [written].flat().flatMap((task: unknown, index) => {
    if (!isUnserved(task)) return []
    const at = Array.isArray(written) ? `${path}.match.task[${index}]` : `${path}.match.task`
    const shown = config.isExpanded(at) ? 'a task' : `"${String(task)}"`
    return [problem(at, `is ${shown}, which the tasks of every backend of the route exclude`)]
  })
}

/** The keys that the schema knows at a path, for suggestions. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema
  for (const key of path) {
    at = unwrap(at)
    if (at instanceof z.ZodObject) at = at.shape[String(key)]
    else if (at instanceof z.ZodArray) at = at.element
    else if (at instanceof z.ZodRecord) at = at.valueType
  }
  at = unwrap(at)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional) return unwrap(schema.unwrap())
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  // `false`, or an object of options.
  if (schema instanceof z.ZodUnion)
    return unwrap(schema.options.find((option) => option instanceof z.ZodObject))
  return schema
}
