import type { AnswerOptions } from '../config/policy.ts'

/** How an answer is judged by its status alone. */
export type AnswerClass =
  /** The backend or its proxy fails for every job. */
  | 'backend'
  /** The backend fails for this task and type. */
  | 'type'
  /** The backend fails for this task and type, or the job is bad: the answer of a second backend decides. */
  | 'undecided'
  /** The job is bad if the answer has FastAPI's `detail`; otherwise a proxy fails. */
  | 'job'
  /** The backend does not support this task and type. */
  | 'lacks'
  /** The backend is throttled. */
  | 'busy'

/** The default classes. All other statuses from 400 on are `backend`. */
export const ANSWER_CLASSES: Readonly<Record<Exclude<AnswerClass, 'backend'>, readonly number[]>> = {
  type: [502, 503, 504],
  undecided: [500],
  job: [400, 413, 415, 422],
  lacks: [501],
  busy: [429],
}

/** The class of each listed status. */
export type AnswerClasses = ReadonlyMap<number, AnswerClass>

export function resolveAnswerClasses(options: AnswerOptions = {}): AnswerClasses {
  const classes = new Map<number, AnswerClass>()
  for (const table of [ANSWER_CLASSES, options])
    for (const [name, statuses] of Object.entries(table))
      for (const status of statuses ?? []) if (isAnswerClass(name)) classes.set(status, name)
  return classes
}

export const DEFAULT_CLASSES: AnswerClasses = resolveAnswerClasses()

function isAnswerClass(name: string): name is AnswerClass {
  return name === 'backend' || name in ANSWER_CLASSES
}
