import { type AnswerClass, type AnswerClasses, DEFAULT_CLASSES } from './answer-classes.ts'
import type { Asked, BackendAnswer } from './backend-answer.ts'
import { missingCapability, readErrorBody } from './detail.ts'
import { type Members, membersOf, skipWhitespace } from './json-members.ts'
import { isHtmlPage, notJsonReason, redirectReason, statusReason } from './reasons.ts'
import { retryAfterOf } from './retry-after.ts'
import { GOOD, type Verdict } from './verdict.ts'

/**
 * Judges an answer by the request. Pure; docs/answers.md has the table.
 *
 * @param classes The classes of statuses from 400 on.
 */
export function judge(
  answer: BackendAnswer,
  asked: Asked,
  classes: AnswerClasses = DEFAULT_CLASSES,
): Verdict {
  const { status } = answer
  if (status >= 200 && status < 300) return judgeSuccess(answer, asked)
  if (status < 400) return backendFault(redirectReason(answer, asked))
  const isBusy = status === 503 && retryAfterOf(answer.headers['retry-after']) !== undefined
  return judgeClass(isBusy ? 'busy' : (classes.get(status) ?? 'backend'), answer, asked)
}

/**
 * Judges the answer to a health check. Any 2xx passes unless it is an HTML page, since other ML servers may answer in any form.
 *
 * @returns Why the backend is unhealthy, with the fix if one is known; `undefined` if it is healthy.
 */
export function probeProblem(answer: BackendAnswer, backend: string): string | undefined {
  const { status } = answer
  const asked: Asked = { backend, tasks: [], names: () => [], written: () => '' }
  if (status >= 200 && status < 300)
    return isHtmlPage(answer) ? notJsonReason(answer, asked, 'pong') : undefined
  return status < 400 ? redirectReason(answer, asked) : statusReason(answer, asked)
}

function judgeClass(answerClass: AnswerClass, answer: BackendAnswer, asked: Asked): Verdict {
  const { status, headers, body } = answer
  const reason = statusReason(answer, asked)
  const { detail, text } = status < 500 ? readErrorBody(body) : NO_ERROR_BODY
  const lacks = MAY_LACK.has(status) ? missingCapability(text, asked) : undefined
  if (lacks !== undefined)
    return { kind: 'lacks', what: lacks, reason: `${statusOnly(reason)}: unknown ${lacks}` }
  switch (answerClass) {
    case 'backend':
      return backendFault(reason)
    case 'type':
      return { kind: 'fault', scope: 'type', reason }
    case 'undecided':
      return { kind: 'undecided', otherwise: 'fault', reason }
    case 'lacks':
      return { kind: 'lacks', what: 'type', reason }
    case 'busy':
      return { kind: 'busy', retryAfter: retryAfterOf(headers['retry-after']), reason }
    case 'job':
      if (detail !== undefined) return { kind: 'undecided', otherwise: 'lacks', reason: statusOnly(reason) }
      return status === 413 ? { kind: 'too-large', reason } : backendFault(reason)
  }
}

const NO_ERROR_BODY = { detail: undefined, text: '' }

/** Statuses whose `detail` may name an unknown task or model. */
const MAY_LACK: ReadonlySet<number> = new Set([400, 404, 422])

function statusOnly(reason: string): string {
  return reason.split(':', 1)[0] ?? reason
}

function backendFault(reason: string): Verdict {
  return { kind: 'fault', scope: 'backend', reason }
}

function judgeSuccess(answer: BackendAnswer, asked: Asked): Verdict {
  const { status, headers, body, complete } = answer
  const type = headers['content-type']
  const first = body[skipWhitespace(body, 0)]
  // Without a content type, the first byte counts.
  const isJson =
    typeof type === 'string' && JSON_TYPE.test(type) ? body.length > 0 : first === 0x7b || first === 0x5b
  if (!isJson) return backendFault(notJsonReason(answer, asked))
  if (asked.tasks.length === 0) return GOOD
  const members = membersOf(body)
  if (members === undefined || (complete && !members.complete))
    return backendFault(notJsonReason({ ...answer, headers: {} }, asked))
  for (const task of asked.tasks) {
    const wrong = problemWith(task, members, body, complete)
    if (wrong !== undefined)
      return {
        kind: 'fault',
        scope: 'type',
        reason: `answered ${status} ${wrong}: not an answer of an ML server`,
      }
  }
  return GOOD
}

const JSON_TYPE = /^\s*application\/(?:[\w.+-]+\+)?json\b/i

/** Immich's tasks: the result has the name of the task. For other tasks the name is unknown. */
const KEYED: ReadonlySet<string> = new Set(['clip', 'facial-recognition', 'ocr'])

function problemWith(task: string, { byName }: Members, body: Buffer, complete: boolean): string | undefined {
  if (!KEYED.has(task)) {
    if (byName.size === 0 && complete) return 'with an empty object'
    return byName.has('error') ? 'with an error' : undefined
  }
  const member = byName.get(task)
  if (member === undefined) return complete ? `without "${task}"` : undefined
  const { kind, start, end } = member
  const isError =
    kind === 'object'
      ? membersOf(body.subarray(start, end))?.byName.has('error') === true
      : kind === 'string'
        ? end - start <= 2
        : kind === 'literal' && EMPTY.has(body.toString('latin1', start, end))
  return isError ? `with an error in "${task}"` : undefined
}

const EMPTY: ReadonlySet<string> = new Set(['null', 'false'])
