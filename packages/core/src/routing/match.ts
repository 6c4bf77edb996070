import type { Entry } from '../classify/classification.ts'
import type { Match, MatchFunction, Pattern } from '../config/policy.ts'

/** Compiles a match into one function, so that nothing is looked up twice per request. */
export function compileMatch(match: Match | MatchFunction): MatchFunction {
  if (typeof match === 'function') return match
  const task = compilePattern(match.task)
  const type = compilePattern(match.type)
  const model = compilePattern(match.model)
  const inputs = match.input === undefined ? undefined : [match.input].flat()
  return ({ entries, tasks, input }) => {
    if (inputs !== undefined && (input === undefined || !inputs.includes(input))) return false
    const fits = (entry: Entry) => task(entry.task) && type(entry.type) && model(entry.model)
    const [only] = tasks
    if (tasks.length === 1) return entries.some((entry) => entry.task === only && fits(entry))
    // Each entry is looked at once, however many tasks there are.
    const missing = new Set(tasks)
    for (const entry of entries) {
      if (missing.size === 0) break
      if (missing.has(entry.task) && fits(entry)) missing.delete(entry.task)
    }
    return missing.size === 0
  }
}

type Predicate = (value: string) => boolean

function compilePattern(pattern: Pattern | undefined): Predicate {
  if (pattern === undefined) return () => true
  const predicates = [pattern].flat().map(compileOne)
  return (value) => predicates.some((fits) => fits(value))
}

function compileOne(pattern: string): Predicate {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  if (tail === undefined) return (value) => value === pattern
  // No regular expression: several stars against a long, hostile name would take exponential time.
  return (value) => {
    if (!value.startsWith(head)) return false
    let at = head.length
    for (const piece of rest) {
      const found = value.indexOf(piece, at)
      if (found === -1) return false
      at = found + piece.length
    }
    return value.length - tail.length >= at && value.endsWith(tail)
  }
}

/** A match in words, as the default name of its route. */
export function describeMatch(match: Match | MatchFunction | undefined): string {
  if (match === undefined) return 'default'
  if (typeof match === 'function')
    return match.name === '' || match.name === 'match' ? 'function' : match.name
  const words = (pattern: Pattern | undefined) => [pattern ?? []].flat().join('|')
  const path = [words(match.task), words(match.type), words(match.model)]
  while (path.at(-1) === '') path.pop()
  const job = path.map((word) => (word === '' ? '*' : word)).join('/')
  const input = words(match.input)
  if (input === '') return job === '' ? '*' : job
  return job === '' ? input : `${job} ${input}`
}
