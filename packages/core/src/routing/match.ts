import type { Classification, Classified, Entry } from '../classify/classification.ts'
import { isSecretHeader } from '../config/header-names.ts'
import type { Match, MatchFunction, Pattern } from '../config/policy.ts'
import type { RequestHead } from '../incoming-message.ts'

/** The members of a match that depend on the job. */
export type JobMatch = Omit<Match, 'header' | 'path'>

/** A match in two parts. */
export interface MatchParts {
  /** `undefined` when there is none. */
  readonly job: JobMatch | undefined
  /** `undefined` when there is none. */
  readonly head: Pick<Match, 'header' | 'path'> | undefined
}

/** Splits a match. One without members needs a job, whichever it is. */
export function partsOf({ header, path, ...job }: Match): MatchParts {
  const hasHead = header !== undefined || path !== undefined
  const hasJob = Object.values(job).some((member) => member !== undefined)
  return { job: hasJob || !hasHead ? job : undefined, head: hasHead ? { header, path } : undefined }
}

/** Whether a route takes a request. */
export type Takes = (classification: Classification, head: RequestHead) => boolean

/** Compiles a match into one function, so that nothing is looked up twice per request. Without a match, it takes everything. */
export function compileMatch(match: Match | MatchFunction | undefined): Takes {
  if (match === undefined) return () => true
  if (typeof match === 'function')
    return (classification, head) => classification.classified && match(classification, head)
  const { job, head } = partsOf(match)
  const fitsJob = compileJob(job ?? {})
  if (head === undefined) return (classification) => classification.classified && fitsJob(classification)
  const fitsHead = compileHead(head)
  if (job === undefined) return (_classification, of) => fitsHead(of)
  return (classification, of) => classification.classified && fitsHead(of) && fitsJob(classification)
}

/** Compiles the members that depend on the head of a request. */
export function compileHead({ header = {}, path }: Pick<Match, 'header' | 'path'>): Predicate<RequestHead> {
  const fitsPath = compilePattern(path)
  const headers = Object.entries(header).map(([name, values]) => ({
    name: name.toLowerCase(),
    values: new Set([values].flat()),
  }))
  return (head) =>
    fitsPath(head.path) &&
    headers.every(({ name, values }) => {
      const value = head.headers[name]
      return typeof value === 'string' && values.has(value)
    })
}

/** Compiles the members that depend on the job. */
export function compileJob(match: JobMatch): Predicate<Classified> {
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

type Predicate<T> = (value: T) => boolean

/** Compiles a pattern, or a list of which one must match. */
export function compilePattern(pattern: Pattern | undefined): Predicate<string> {
  if (pattern === undefined) return () => true
  const predicates = [pattern].flat().map(compileOne)
  return (value) => predicates.some((fits) => fits(value))
}

function compileOne(pattern: string): Predicate<string> {
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
  const { job, head } = partsOf(match)
  return [...(job === undefined ? [] : [jobName(job)]), ...headNames(head ?? {})].join(' ')
}

function jobName(match: JobMatch): string {
  const path = [words(match.task), words(match.type), words(match.model)]
  while (path.at(-1) === '') path.pop()
  const job = path.map((word) => (word === '' ? '*' : word)).join('/')
  const input = words(match.input)
  if (input === '') return job === '' ? '*' : job
  return job === '' ? input : `${job} ${input}`
}

function headNames({ header = {}, path }: Pick<Match, 'header' | 'path'>): string[] {
  const headers = Object.entries(header).map(
    ([name, values]) => `${name.toLowerCase()}=${isSecretHeader(name) ? '***' : words(values)}`,
  )
  return path === undefined ? headers : [...headers, words(path)]
}

function words(pattern: Pattern | undefined): string {
  return [pattern ?? []].flat().join('|')
}
