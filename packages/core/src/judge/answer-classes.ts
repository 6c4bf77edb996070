import type { AnswerOptions } from '../config/policy.ts'

/** How an answer is judged by its status alone; the option `answers` describes the classes. */
export type AnswerClass = keyof AnswerOptions

/** The default classes. All other statuses from 400 on are `backend`. */
const BY_DEFAULT: AnswerOptions = {
  type: [502, 503, 504],
  undecided: [500],
  job: [400, 413, 415, 422],
  lacks: [501],
  busy: [429],
}

const CLASSES = ['backend', 'type', 'undecided', 'job', 'lacks', 'busy'] as const

/** The class of each listed status. */
export type AnswerClasses = ReadonlyMap<number, AnswerClass>

export function resolveAnswerClasses(options: AnswerOptions = {}): AnswerClasses {
  const classes = new Map<number, AnswerClass>()
  for (const table of [BY_DEFAULT, options])
    for (const name of CLASSES) for (const status of table[name] ?? []) classes.set(status, name)
  return classes
}

export const DEFAULT_CLASSES: AnswerClasses = resolveAnswerClasses()
