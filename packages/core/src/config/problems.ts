import leven from 'leven'
import type { z } from 'zod'
import { renamed } from './renamed.ts'

/** One mistake in a policy or configuration. */
export interface ConfigProblem {
  /** Where it is, as in code: `routes[1].backends[0]`; empty for the whole. */
  readonly path: string
  /** What is wrong. */
  readonly message: string
  /** What was probably meant, where something close exists. */
  readonly suggestion?: string
}

/** A policy or configuration that cannot be used, with every mistake in it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ path, message, suggestion }) => {
      const hint = suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`
      return `  ${path === '' ? '' : `${path} `}${message}.${hint}`
    })
    super(
      `The configuration has ${problems.length} mistake${problems.length === 1 ? '' : 's'}:\n${lines.join('\n')}`,
    )
    this.problems = problems
  }
}

/** The known word that is close to what was written, if any is. */
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

/** Whether one is a slip of the fingers (`ulr`), or one of what the other has several of (`retry`). */
function isSlip(written: string, word: string): boolean {
  return letters(written) === letters(word) || singular(written) === singular(word)
}

function letters(word: string): string {
  return [...word.toLowerCase()].sort().join('')
}

function singular(word: string): string {
  return word.toLowerCase().replace(/ies$/, 'y').replace(/s$/, '')
}

/** A problem with its suggestion, which is left out where there is none. */
export function problem(path: string, message: string, suggestion?: string): ConfigProblem {
  return suggestion === undefined ? { path, message } : { path, message, suggestion }
}

/**
 * zod's issues in the words of this project.
 *
 * @param isSecret Whether what was written at a path must not be shown.
 */
export function toProblems(
  error: z.ZodError,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
  isSecret: (path: string) => boolean,
): ConfigProblem[] {
  return error.issues.flatMap(innermost).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(issue.path)
      return issue.keys.map((key) => {
        const path = formatPath([...issue.path, key])
        const now = renamed(path)
        return now === undefined ? problem(path, 'is not an option', suggest(key, known)) : problem(path, now)
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

/** Of several alternatives of which one is an object, what is wrong within the object that was written. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const within = issue.errors.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  )
  if (within === undefined || within.length === 0) return [issue]
  return within.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(innermost)
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
