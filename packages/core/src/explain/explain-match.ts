import type { Classification, Classified, Entry, Unclassified } from '../classify/classification.ts'
import { isSecretHeader } from '../config/header-names.ts'
import type { Match, MatchFunction, Pattern } from '../config/policy.ts'
import type { RequestHead } from '../incoming-message.ts'
import { compileHead, compileJob, type JobMatch, partsOf } from '../routing/match.ts'
import { shorten, shortenList } from '../shorten.ts'
import type { PassedRoute } from './explanation.ts'

type Miss = Pick<PassedRoute, 'member' | 'words'>

/** Why a match does not take a request; `undefined` when it does. */
export function explainMiss(
  match: Match | MatchFunction | undefined,
  classification: Classification,
  head: RequestHead,
): Miss | undefined {
  if (match === undefined) return undefined
  if (typeof match === 'function') {
    if (!classification.classified) return unknownJob(classification)
    return match(classification, head) ? undefined : { member: 'function', words: 'its function said no' }
  }
  const { job, head: ofHead } = partsOf(match)
  const miss = ofHead && headMiss(ofHead, head)
  if (miss !== undefined || job === undefined) return miss
  if (!classification.classified) return unknownJob(classification)
  return inputMiss(job, classification) ?? entryMiss(job, classification)
}

function unknownJob({ reason }: Unclassified): Miss {
  const words = `the job is not known (${reason}), and its match takes known jobs only`
  return { member: 'classified', words }
}

function headMiss(
  { header = {}, path }: Pick<Match, 'header' | 'path'>,
  head: RequestHead,
): Miss | undefined {
  for (const [name, values] of Object.entries(header)) {
    if (compileHead({ header: { [name]: values } })(head)) continue
    const is = head.headers[name.toLowerCase()]
    const wanted = isSecretHeader(name) ? '' : `, not ${anyOf(values)}`
    const found = isSecretHeader(name) ? 'has another value' : `is ${shorten(String(is))}`
    return {
      member: 'header',
      words: `header ${name} ${is === undefined ? 'is missing' : `${found}${wanted}`}`,
    }
  }
  if (path === undefined || compileHead({ path })(head)) return undefined
  const is = head.path === '' ? 'not known' : shorten(head.path)
  return { member: 'path', words: `path is ${is}, not ${anyOf(path)}` }
}

function inputMiss({ input }: JobMatch, classification: Classified): Miss | undefined {
  if (input === undefined) return undefined
  const is = classification.input
  if (is !== undefined && [input].flat().includes(is)) return undefined
  const words =
    is === undefined
      ? `there is no input, as ${anyOf(input)} would be`
      : `input is ${is}, not ${anyOf(input)}`
  return { member: 'input', words }
}

/** Of the first task that no entry fits, the first member that none of its entries fits. */
function entryMiss(match: JobMatch, { entries, tasks }: Classified): Miss | undefined {
  const byTask = Map.groupBy(entries, ({ task }) => task)
  for (const task of tasks) {
    let left: readonly Entry[] = byTask.get(task) ?? []
    for (const member of ['task', 'type', 'model'] as const) {
      const pattern = match[member]
      if (pattern === undefined) continue
      const fits = compileJob({ [member]: pattern })
      const fitting = left.filter((entry) => fits(alone(entry)))
      if (fitting.length > 0) {
        left = fitting
        continue
      }
      const found = shortenList(new Set(left.map((entry) => entry[member])), ' and ')
      const where = member === 'task' || tasks.length === 1 ? member : `${member} of ${shorten(task)}`
      return { member, words: `${where} is ${found}, not ${anyOf(pattern)}` }
    }
  }
  return undefined
}

function alone(entry: Entry): Classified {
  return { classified: true, entries: [entry], tasks: [entry.task], input: undefined }
}

function anyOf(pattern: Pattern): string {
  return [pattern].flat().join(' or ')
}
