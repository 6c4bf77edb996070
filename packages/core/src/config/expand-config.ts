import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { isRecord } from '../record.ts'
import { type ConfigProblem, formatPath, problem } from './problems.ts'

/** Where the values of `${…}` come from. */
export interface ExpansionSources {
  /**
   * Variables by name.
   * @default process.env
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Reads a file by its absolute path. An error that it throws is a mistake in the configuration.
   * @default reads the file as UTF-8
   */
  readonly readFile?: ((path: string) => string) | undefined
}

/**
 * A configuration with expanded values, for `parseConfig` and `parsePolicy`. They report failed expansions with all other
 * mistakes, and show no expanded value. Its members are not enumerable, so it cannot be logged by accident.
 */
export class ExpandedConfig {
  readonly #data: unknown
  readonly #expanded: ReadonlySet<string>
  readonly #problems: readonly ConfigProblem[]

  constructor(
    data: unknown,
    expanded: ReadonlySet<string> = new Set(),
    problems: readonly ConfigProblem[] = [],
  ) {
    this.#data = data
    this.#expanded = expanded
    this.#problems = problems
  }

  /** The configuration with its values, which may be secret. */
  data(): unknown {
    return this.#data
  }

  /** Failed expansions, each with its path. Their text is as it was written. */
  get problems(): readonly ConfigProblem[] {
    return this.#problems
  }

  /** Whether the value at a path such as `backends.gpu.url`, or a part of it, was expanded. */
  isExpanded(path: string): boolean {
    return this.#expanded.has(path)
  }

  /**
   * A copy with numbers and booleans for the expanded text at some paths.
   */
  withScalars(paths: ReadonlySet<string>): ExpandedConfig {
    const data = mapStrings(this.#data, (text, path) =>
      paths.has(path) && this.isExpanded(path) ? scalarIn(text) : text,
    )
    return new ExpandedConfig(data, this.#expanded, this.#problems)
  }
}

/**
 * Expands every string value of a configuration that was parsed from YAML or JSON: `${VAR}`, `${VAR:-default}` for a variable
 * that is unset or empty, and `${file:/path}` for the text of a file without its last line end. `$${` is a literal `${`.
 * Expanded text is not expanded again, and cannot add members or list items. Names of members are not expanded.
 *
 * @example
 * ```ts
 * import { expandConfig, parseConfig } from '@immich-ml-router/core'
 *
 * const data = { backends: { gpu: { url: '${GPU_URL:-http://gpu:3003}' } } }
 * const config = parseConfig(expandConfig(data))
 * ```
 */
export function expandConfig(data: unknown, sources: ExpansionSources = {}): ExpandedConfig {
  const expanded = new Set<string>()
  const problems: ConfigProblem[] = []
  const { env = process.env, readFile = (path: string) => readFileSync(path, 'utf8') } = sources
  const expandedData = mapStrings(data, (text, path) => {
    const found = expandText(text, { env, readFile })
    problems.push(...found.mistakes.map((mistake) => problem(path, mistake)))
    if (found.mistakes.length > 0) return text
    if (found.expanded) expanded.add(path)
    return found.text
  })
  return new ExpandedConfig(expandedData, expanded, problems)
}

/** The number or boolean that a text says, or the text. */
function scalarIn(text: string): number | boolean | string {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
}

const MARK = /\$\$\{|\$\{(?:([^}]*)\})?/g
const VARIABLE = /^([A-Za-z_]\w*)(?::-(.*))?$/s
const NEITHER =
  'has a ${ that starts none of ${NAME}, ${NAME:-default} and ${file:/path}; write $${ for a literal ${'

type Sources = Required<{ [K in keyof ExpansionSources]: NonNullable<ExpansionSources[K]> }>
/** The value of a reference, or the mistake, as it is shown after its path. */
type Found = { readonly value: string } | { readonly mistake: string }

function expandText(text: string, sources: Sources) {
  let expanded = false
  const mistakes: string[] = []
  const result = text.replace(MARK, (mark, reference: string | undefined) => {
    if (mark === '$${') return '${'
    expanded = true
    const found = lookUp(reference ?? '', sources)
    if ('value' in found) return found.value
    mistakes.push(found.mistake)
    return mark
  })
  return { text: result, expanded, mistakes }
}

function lookUp(reference: string, { env, readFile }: Sources): Found {
  if (reference.startsWith('file:')) return textOf(reference.slice('file:'.length), readFile)
  const [, name, otherwise] = VARIABLE.exec(reference) ?? []
  if (name === undefined) return { mistake: NEITHER }
  const value = (Object.hasOwn(env, name) ? env[name] : undefined) ?? otherwise
  if (value === undefined)
    return {
      mistake: `needs the variable ${name}, which is not set; set it, or write a default: \${${name}:-default}`,
    }
  return { value: value === '' && otherwise !== undefined ? otherwise : value }
}

function textOf(path: string, readFile: Sources['readFile']): Found {
  if (!isAbsolute(path))
    return { mistake: 'needs an absolute path of a file, such as ${file:/run/secrets/token}' }
  try {
    return { value: readFile(path).replace(/\r?\n$/, '') }
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
    const why = typeof code === 'string' ? ` (${code})` : ''
    return { mistake: `needs the file ${path}, which cannot be read${why}; check its path and permissions` }
  }
}

/** A copy of some data with other strings; all but strings, lists and objects stay as they are. */
function mapStrings(data: unknown, map: (text: string, path: string) => unknown): unknown {
  const inside = new Set<unknown>()
  const visit = (value: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof value === 'string') return map(value, formatPath(path))
    if (!Array.isArray(value) && !isPlain(value)) return value
    // A YAML alias can refer to its own parent.
    if (inside.has(value)) return undefined
    inside.add(value)
    const copy = Array.isArray(value)
      ? value.map((item, index) => visit(item, [...path, index]))
      : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]))
    inside.delete(value)
    return copy
  }
  return visit(data, [])
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
