import leven from 'leven'
import type * as z from 'zod'

/** One mistake in a configuration, or a warning. */
export interface ConfigProblem {
  /** Its path, as in code: `routes[1].backends[0]`; empty for the whole configuration. */
  readonly path: string
  /** The mistake or warning, as it is shown after the path. */
  readonly message: string
  /** The option or value that was probably meant. */
  readonly suggestion?: string
}

/**
 * A configuration is not valid. It has every mistake.
 *
 * @example
 * ```ts
 * import { ConfigError, parseConfig } from '@immich-ml-router/core'
 *
 * try {
 *   parseConfig({ backends: { gpu: { ulr: 'http://gpu:3003' } } })
 * } catch (error) {
 *   if (error instanceof ConfigError) for (const { path, message } of error.problems) console.error(path, message)
 * }
 * ```
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map((it) => `  ${problemText(it)}`)
    super(
      `The configuration has ${problems.length} mistake${problems.length === 1 ? '' : 's'}:\n${lines.join('\n')}`,
    )
    this.problems = problems
  }
}

/** A problem as a sentence: `backends.gpu.wieght is not an option. Did you mean "weight"?`. */
export function problemText({ path, message, suggestion }: ConfigProblem): string {
  const hint = suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`
  return `${path === '' ? '' : `${path} `}${message}.${hint}`
}

/** The known word that was probably meant. */
export function suggest(written: string, known: readonly string[]): string | undefined {
  const most = written.length < 4 ? 1 : Math.max(2, Math.floor(written.length / 3))
  let best: string | undefined
  let bestDistance = most + 1
  for (const word of known) {
    const distance = isSlip(written, word) ? 1 : leven(written.toLowerCase(), word.toLowerCase())
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best
}

/** Whether letters are swapped (`ulr`), or only singular and plural differ (`retry`). */
function isSlip(written: string, word: string): boolean {
  return letters(written) === letters(word) || singular(written) === singular(word)
}

function letters(word: string): string {
  return [...word.toLowerCase()].sort().join('')
}

function singular(word: string): string {
  return word.toLowerCase().replace(/ies$/, 'y').replace(/s$/, '')
}

/** A problem, with a suggestion where there is one. */
export function problem(path: string, message: string, suggestion?: string): ConfigProblem {
  return suggestion === undefined ? { path, message } : { path, message, suggestion }
}

/**
 * The problems for zod's issues.
 *
 * @param keysAt The keys that the schema knows at a path.
 * @param isSecret Whether what was written at a path must not be shown.
 */
export function toProblems(
  error: z.ZodError,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
  isSecret: (path: string) => boolean,
): ConfigProblem[] {
  const placesOf = (key: string) => PLACES.filter(([, at]) => keysAt(at).includes(key)).map(([name]) => name)
  return error.issues.flatMap(innermost).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(issue.path)
      return issue.keys.map((key) => {
        const path = formatPath([...issue.path, key])
        const meant = suggest(key, known)
        const now = renamed(path) ?? (meant === undefined ? misplaced(placesOf(key)) : undefined)
        return now === undefined ? problem(path, 'is not an option', meant) : problem(path, now)
      })
    }
    if (issue.code === 'invalid_value') {
      const known = issue.values.map(String)
      const path = formatPath(issue.path)
      const oneOf = `must be one of ${known.join(', ')}`
      if (isSecret(path)) return [problem(path, oneOf)]
      const written = String(issue.input)
      return [problem(path, `${oneOf}, not ${written}`, suggest(written, known))]
    }
    if (issue.code === 'invalid_key')
      return [problem(formatPath(issue.path), issue.issues[0]?.message ?? issue.message)]
    return [problem(formatPath(issue.path), missing(issue) ? 'is missing' : issue.message)]
  })
}

/** For a value of several kinds that was written as an object: the issues within the object. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const within = issue.errors.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  )
  if (within === undefined || within.length === 0) return [issue]
  return within.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(innermost)
}

/** Where an option may belong, when it is written at another place. */
const PLACES: readonly (readonly [name: string, path: readonly PropertyKey[]])[] = [
  ['the top level', []],
  ['a backend', ['backends', '']],
  ['a route', ['routes', 0]],
  ['the match of a route', ['routes', 0, 'match']],
]

/** The message for an option that is written at the wrong place. */
function misplaced(places: readonly string[]): string | undefined {
  return places.length === 0 ? undefined : `is not an option here; move it to ${places.join(' or ')}`
}

function missing(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' && issue.input === undefined && issue.path.length > 0
}

/** `['routes', 1, 'match']` as `routes[1].match`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = String(key)
    if (!/^[\w$-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`
    return text === '' ? name : `${text}.${name}`
  }, '')
}

/** Former options by the end of their path, and their new names. */
const RENAMED: readonly (readonly [path: RegExp, message: string])[] = [
  [/(^|\.)whenUnavailable$/, 'is now hold: write hold: 12h'],
  [/^forwarder$/, 'is now transport'],
  [/(^|\.)health\.ejectOn$/, 'is now answers'],
]

/** The message for an option with a new name; `undefined` for any other. */
export function renamed(path: string): string | undefined {
  return RENAMED.find(([pattern]) => pattern.test(path))?.[1]
}
