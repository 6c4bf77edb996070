import type { Classification, Classified, Entry } from '../classify/classification.ts'
import type { Match, MatchFunction, Pattern } from '../config/policy.ts'
import { compileMatch } from '../routing/match.ts'
import { shorten, shortenList } from '../shorten.ts'
import type { PassedRoute } from './explanation.ts'

type Miss = Pick<PassedRoute, 'member' | 'words'>

/** Why a match does not take a request; `undefined` when it does. */
export function explainMiss(
  match: Match | MatchFunction | undefined,
  classification: Classification,
): Miss | undefined {
  if (match === undefined) return undefined
  if (!classification.classified) {
    const words = `the job is not known (${classification.reason}), and only the last route takes such a request`
    return { member: 'classified', words }
  }
  if (typeof match === 'function')
    return match(classification) ? undefined : { member: 'function', words: 'its function said no' }
  return inputMiss(match, classification) ?? entryMiss(match, classification)
}

function inputMiss({ input }: Match, classification: Classified): Miss | undefined {
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
function entryMiss(match: Match, { entries, tasks }: Classified): Miss | undefined {
  const byTask = Map.groupBy(entries, ({ task }) => task)
  for (const task of tasks) {
    let left: readonly Entry[] = byTask.get(task) ?? []
    for (const member of ['task', 'type', 'model'] as const) {
      const pattern = match[member]
      if (pattern === undefined) continue
      const fits = compileMatch({ [member]: pattern })
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
