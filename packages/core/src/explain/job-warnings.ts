import leven from 'leven'
import type { Match, Pattern, Policy, Route } from '../config/policy.ts'
import { type ConfigProblem, formatPath, problem, suggest } from '../config/problems.ts'
import { compileJob, compilePattern, type JobMatch, partsOf } from '../routing/match.ts'
import { FORK_TASKS, MODELS, SYNONYMS, TASKS, TYPES } from './immich-names.ts'
import { JOBS } from './job-words.ts'

/** Warns of tasks, types and models that Immich never sends, in routes and in the `tasks` of backends. */
export function jobWarnings({ backends }: Policy, routes: readonly Route[]): ConfigProblem[] {
  return [
    ...routes.flatMap(({ match }, index) =>
      typeof match === 'object' ? matchWarnings(match, ['routes', index, 'match']) : [],
    ),
    ...Object.entries(backends).flatMap(([name, { tasks = [] }]) =>
      tasks.flatMap((task, index) => taskWarning(task, ['backends', name, 'tasks', index]) ?? []),
    ),
  ]
}

function matchWarnings(match: Match, path: readonly PropertyKey[]): ConfigProblem[] {
  const { task, type, model } = match
  // Other tasks have other types.
  const isOfFork = [task ?? []].flat().some((name) => FORK_TASKS.includes(name))
  const names = [
    ...each(task, [...path, 'task'], taskWarning),
    ...(isOfFork ? [] : each(type, [...path, 'type'], typeWarning)),
    ...each(model, [...path, 'model'], modelWarning),
  ]
  const { job } = partsOf(match)
  return names.length > 0 || isOfFork || job === undefined ? names : noJobWarning(job, path)
}

function each(
  pattern: Pattern | undefined,
  path: readonly PropertyKey[],
  warning: (name: string, path: readonly PropertyKey[]) => ConfigProblem | undefined,
): ConfigProblem[] {
  if (typeof pattern === 'string') return [warning(pattern, path) ?? []].flat()
  return (pattern ?? []).flatMap((name, index) => warning(name, [...path, index]) ?? [])
}

function taskWarning(name: string, path: readonly PropertyKey[]): ConfigProblem | undefined {
  if (matches(name, TASKS) || FORK_TASKS.includes(name)) return undefined
  const near = nearest(name, TASKS)
  const known = near === undefined ? `; its tasks are ${TASKS.join(', ')}` : ''
  return problem(formatPath(path), `is "${name}", a task that Immich never sends${known}`, near)
}

function typeWarning(name: string, path: readonly PropertyKey[]): ConfigProblem | undefined {
  if (matches(name, TYPES)) return undefined
  const near = nearest(name, TYPES)
  const known = near === undefined ? `; its types are ${TYPES.join(', ')}` : ''
  return problem(formatPath(path), `is "${name}", a type that Immich never sends${known}`, near)
}

/** Only of a name that looks like a misspelled one: an administrator can set any model. */
function modelWarning(name: string, path: readonly PropertyKey[]): ConfigProblem | undefined {
  if (matches(name, MODELS)) return undefined
  const near = nearestModel(name)
  if (near === undefined) return undefined
  return problem(formatPath(path), `is "${name}", which is none of Immich's models`, near)
}

/** Warns of a match whose names are known, but whose members no job of Immich has together. */
function noJobWarning({ task, type, input }: JobMatch, path: readonly PropertyKey[]): ConfigProblem[] {
  const fits = compileJob({ task, type, input })
  if (JOBS.some((job) => fits(job))) return []
  const jobs = JOBS.filter(compileJob({ task })).map((job) => {
    const types = job.entries.map((entry) => entry.type)
    return `${job.tasks.join()} with type ${types.join(' or ')} and input ${job.input}`
  })
  return [problem(formatPath(path), `matches none of Immich's jobs; it can be ${jobs.join(', or ')}`)]
}

function matches(pattern: string, names: readonly string[]): boolean {
  return names.some(compilePattern(pattern))
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = letters(name)
  const synonym = Object.hasOwn(SYNONYMS, plain) ? SYNONYMS[plain] : undefined
  const same = known.find((word) => letters(word) === plain)
  return same ?? (synonym !== undefined && known.includes(synonym) ? synonym : suggest(name, known))
}

/** Most edits that make a misspelled model. */
const MOST_EDITS = 2
/** A shorter name or pattern is too vague to be a misspelled one. */
const FEWEST_LETTERS = 3

function nearestModel(name: string): string | undefined {
  const plain = letters(name)
  if (plain.length < FEWEST_LETTERS) return undefined
  if (name.includes('*')) return nearestPattern(name)
  const same = MODELS.find((model) => letters(model) === plain)
  if (same !== undefined) return same
  // Immich's names go on behind the architecture: ViT-B-32__openai.
  if (MODELS.some((model) => model.startsWith(`${name}__`))) return `${name}__*`
  // Another number is another model, such as a later version.
  return MODELS.find(
    (model) => numbers(model) === numbers(name) && leven(letters(model), plain) <= MOST_EDITS,
  )
}

/** For a pattern that is right but for upper and lower case. */
function nearestPattern(pattern: string): string | undefined {
  const model = MODELS.find((it) => compilePattern(pattern.toLowerCase())(it.toLowerCase()))
  const isPrefix = pattern.indexOf('*') === pattern.length - 1
  return model !== undefined && isPrefix ? `${model.slice(0, pattern.length - 1)}*` : model
}

function letters(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

function numbers(name: string): string {
  return name.replaceAll(/\D+/g, ' ').trim()
}
