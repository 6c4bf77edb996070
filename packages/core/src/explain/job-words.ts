import type { Classified } from '../classify/classification.ts'
import { isSecretHeader } from '../config/header-names.ts'
import type { Match, MatchFunction, Pattern } from '../config/policy.ts'
import { compileJob, partsOf } from '../routing/match.ts'
import { listed } from './words.ts'

/** A job that Immich sends. */
export interface ImmichJob extends Classified {
  readonly words: string
}

function job(words: string, task: string, types: readonly string[], input: 'text' | 'image'): ImmichJob {
  const entries = types.map((type) => ({ task, type, model: '', options: {} }))
  return { classified: true, words, entries, tasks: [task], input }
}

const SEARCH = job('text search', 'clip', ['textual'], 'text')
export const JOBS: readonly ImmichJob[] = [
  SEARCH,
  job('image indexing', 'clip', ['visual'], 'image'),
  job('faces', 'facial-recognition', ['detection', 'recognition'], 'image'),
  job('OCR', 'ocr', ['detection', 'recognition'], 'image'),
]

/** What a route takes, in words. */
export interface JobsInWords {
  readonly words: string
  /** Whether text search is among it: alone, with others, not; it is not known of a function. */
  readonly search: 'alone' | 'among others' | 'no' | 'unknown'
}

export function jobsOf(match: Match | MatchFunction): JobsInWords {
  if (typeof match === 'function') {
    const name = match.name === '' || match.name === 'match' ? 'a function' : `the function ${match.name}`
    return { words: `what ${name} takes`, search: 'unknown' }
  }
  const { job, head } = partsOf(match)
  // It takes unclassified requests as well.
  if (job === undefined) return { words: `every request${headWords(head ?? {})}`, search: 'among others' }
  const { model, ...rest } = job
  const fits = compileJob(rest)
  const taken = JOBS.filter((known) => fits(known))
  const models = model === undefined ? '' : ` with the model ${listed([model].flat(), 'or')}`
  const words = `${wordsOf(rest, taken)}${models}${head === undefined ? '' : headWords(head)}`
  if (!taken.includes(SEARCH)) return { words, search: 'no' }
  return { words, search: taken.length === 1 && isExact(rest) ? 'alone' : 'among others' }
}

/** ` with the header x-tenant: family and the path /family/predict`. */
function headWords({ header = {}, path }: Pick<Match, 'header' | 'path'>): string {
  const headers = Object.entries(header).map(
    ([name, values]) =>
      `the header ${name}: ${isSecretHeader(name) ? '(hidden)' : listed([values].flat(), 'or')}`,
  )
  const paths = path === undefined ? [] : [`the path ${listed([path].flat(), 'or')}`]
  return ` with ${listed([...headers, ...paths])}`
}

function wordsOf(match: Omit<Match, 'model'>, taken: readonly ImmichJob[]): string {
  const names = listed(taken.map(({ words }) => words))
  const { task, type, input } = match
  if (task === undefined && type === undefined && input === undefined) return 'every job that is known'
  if (isExact(match) && taken.length > 0) return names
  const raw = [
    [task, 'task'],
    [type, 'type'],
    [input, 'input'],
  ] as const
  const written = raw.flatMap(([pattern, what]) =>
    pattern === undefined ? [] : `${what} ${listed([pattern].flat(), 'or')}`,
  )
  return `${written.join(', ')}${taken.length === 0 ? '' : ` (such as ${names})`}`
}

/** Whether it can take nothing but the jobs that Immich sends. */
export function isExact({ task, type }: Omit<Match, 'model'>): boolean {
  if (task === undefined) return false
  const jobs = JOBS.filter(({ tasks }) => tasks.some((known) => [task].flat().includes(known)))
  const isKnown = (written: Pattern, known: readonly string[]) =>
    [written].flat().every((name) => known.includes(name))
  const types = jobs.flatMap(({ entries }) => entries.map((entry) => entry.type))
  return (
    isKnown(
      task,
      jobs.flatMap(({ tasks }) => tasks),
    ) &&
    (type === undefined || isKnown(type, types))
  )
}
