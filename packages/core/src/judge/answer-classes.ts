import type { AnswerOptions } from '../config/policy.ts'

/** How answers of a status are judged that the table does not name otherwise. */
export type AnswerClass =
  /** The backend, or what stands in front of it, is at fault at everything. */
  | 'backend'
  /** The backend is at fault at this task and type. */
  | 'type'
  /** The backend is at fault at this task and type, or the job is: a second opinion decides. */
  | 'undecided'
  /** The job's fault, where the answer has FastAPI's `detail`; without it, a proxy's. */
  | 'job'
  /** The backend does not have this task and type. */
  | 'lacks'
  /** The backend has no time now. */
  | 'busy'

/** The classes by default; every other status of 400 and above is `backend`. */
export const ANSWER_CLASSES: Readonly<Record<Exclude<AnswerClass, 'backend'>, readonly number[]>> = {
  type: [502, 503, 504],
  undecided: [500],
  job: [400, 413, 415, 422],
  lacks: [501],
  busy: [429],
}

/** The class of each status that has one of its own. */
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
