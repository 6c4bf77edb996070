import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { isRecord } from '../record.ts'
import { type ConfigProblem, formatPath, problem } from './problems.ts'

/** Where what is named in a configuration comes from. */
export interface ExpansionSources {
  /**
   * Variables by name.
   * @default process.env
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Reads a file by its absolute path; what it throws is a mistake in the configuration.
   * @default reads it from the disk, as UTF-8
   */
  readonly readFile?: ((path: string) => string) | undefined
}

/**
 * A configuration whose values are expanded: what `parseConfig` and `parsePolicy` take, so that they report what could not
 * be expanded with all other mistakes, and show no value that was. None of it can be enumerated, and so be logged.
 */
export class ExpandedConfig {
  readonly #data: unknown
  readonly #expanded: ReadonlySet<string>
  readonly #problems: readonly ConfigProblem[]

  constructor(
    data: unknown,
    {
      expanded = [],
      problems = [],
    }: { expanded?: Iterable<string>; problems?: readonly ConfigProblem[] } = {},
  ) {
    this.#data = data
    this.#expanded = new Set(expanded)
    this.#problems = problems
  }

  /** The configuration with its values. They may be secret. */
  data(): unknown {
    return this.#data
  }

  /** What could not be expanded, each with its path; there its text is as it was written. */
  get problems(): readonly ConfigProblem[] {
    return this.#problems
  }

  /** Whether the value at a path, such as `backends.gpu.url`, or a part of it was expanded. */
  isExpanded(path: string): boolean {
    return this.#expanded.has(path)
  }

  /**
   * The same with the expanded values at some paths as what they are as data: an expanded value is text, where a number or
   * a boolean may be wanted.
   */
  withScalars(paths: ReadonlySet<string>): ExpandedConfig {
    const data = mapStrings(this.#data, (text, path) =>
      paths.has(path) && this.isExpanded(path) ? (SCALARS.get(text) ?? numberIn(text) ?? text) : text,
    )
    return new ExpandedConfig(data, { expanded: this.#expanded, problems: this.#problems })
  }
}

/**
 * Expands every string value of a configuration, once it has been parsed from YAML or JSON: `${VAR}`, `${VAR:-default}` for
 * one that is not set or empty, and `${file:/path}` for the text of a file without one line end at its end. `$${` stands
 * for `${`. What is put in is not looked at again, and cannot add members or list items. Names of members stay as they are.
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
  return new ExpandedConfig(expandedData, { expanded, problems })
}

const SCALARS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

function numberIn(text: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

const MARK = /\$\$\{|\$\{(?:([^}]*)\})?/g
const VARIABLE = /^([A-Za-z_]\w*)(?::-(.*))?$/s
const NEITHER =
  'has a ${ that begins none of ${NAME}, ${NAME:-default} and ${file:/path}; $${ stands for a ${ itself'

type Sources = Required<{ [K in keyof ExpansionSources]: NonNullable<ExpansionSources[K]> }>
/** What stands for a reference, or why nothing does, in words that fit behind its path. */
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
  if (value === undefined) return { mistake: `needs the variable ${name}, which is not set` }
  return { value: value === '' && otherwise !== undefined ? otherwise : value }
}

function textOf(path: string, readFile: Sources['readFile']): Found {
  if (!isAbsolute(path)) return { mistake: 'names a file by a path that does not begin at the root' }
  try {
    return { value: readFile(path).replace(/\r?\n$/, '') }
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
    const why = typeof code === 'string' ? ` (${code})` : ''
    return { mistake: `needs the file ${path}, which cannot be read${why}` }
  }
}

/** A copy of some data with other strings. What is neither a string, a list nor an object stays as it is. */
function mapStrings(data: unknown, map: (text: string, path: string) => unknown): unknown {
  const inside = new Set<unknown>()
  const visit = (value: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof value === 'string') return map(value, formatPath(path))
    if (!Array.isArray(value) && !isPlain(value)) return value
    // YAML can refer to what it is in.
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
