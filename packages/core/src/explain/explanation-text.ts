import { shorten, shortenList } from '../shorten.ts'
import type {
  CandidateExplanation,
  CandidateReason,
  ExplainedDecision,
  Explanation,
  TaskDecision,
} from './explanation.ts'

/**
 * An explanation in words, several lines of them.
 *
 * @example
 * ```ts
 * import { classifyPredictRequest, createRouter, explanationText } from '@immich-ml-router/core'
 *
 * const router = createRouter({ backends: { gpu: { url: 'http://gpu:3003' } } })
 * export async function explain(request: Request): Promise<string> {
 *   const { classification } = await classifyPredictRequest(request)
 *   return explanationText(router.explain(classification))
 * }
 * ```
 */
export function explanationText(explanation: Explanation): string {
  const { route, index, routes, strategy, priority, passedRoutes, candidates, decision } = explanation
  const urgency = priority > 0 ? `, priority ${priority}` : ''
  const lines = [
    ...passedRoutes.map(
      ({ name, index: place, words }) => `route ${place + 1} "${name}" does not take it: ${words}`,
    ),
    `route ${index + 1} of ${routes} "${route}" takes it (strategy ${strategy || 'in code'}${urgency}):`,
    ...candidates.map((candidate) => `  ${candidateText(candidate)}`),
    `The request ${decisionText(decision)}.`,
  ]
  return `${lines.join('\n')}\n`
}

function candidateText({ backend, endpoint, verdict, words }: CandidateExplanation): string {
  const name = endpoint === undefined ? backend : `${backend} at ${endpoint}`
  return `${name}: ${VERDICTS[verdict]}, ${words}`
}

const VERDICTS: Readonly<Record<CandidateExplanation['verdict'], string>> = {
  chosen: 'chosen',
  next: 'would be next',
  lower: 'ranks lower',
  awaited: 'waited for',
  'passed-over': 'passed over',
}

/** What becomes of the request, behind its subject. */
export function decisionText(decision: ExplainedDecision): string {
  switch (decision.kind) {
    case 'forward': {
      const { backend, endpoint, leastBad } = decision
      const name = endpoint === undefined ? backend : `${backend} at ${endpoint}`
      return leastBad ? `goes to ${name} anyway, the least bad backend` : `goes to ${name} now`
    }
    case 'queue':
      return `is queued for a slot, ${waitText(decision)}`
    case 'hold':
      return `is held until a backend is available, ${waitText(decision)}`
    case 'split':
      return `is split: ${decision.parts.map(taskText).join('; ')}`
    case 'reject':
      return `is answered with ${decision.status} (${decision.code}): ${decision.message.replace(/\.$/, '')}`
  }
}

function taskText({ task, route, decision }: TaskDecision): string {
  return `${shorten(task)} (route "${route}") ${decisionText(decision)}`
}

function waitText({ maxWait, waiting }: Extract<ExplainedDecision, { kind: 'queue' | 'hold' }>): string {
  const time = maxWait === undefined ? 'for as long as it takes' : `for up to ${durationText(maxWait)}`
  return waiting === 0 ? time : `${time} (${waiting} waiting on this route)`
}

/** Why a candidate is chosen, or is not, in words. */
export function reasonText(reason: CandidateReason): string {
  switch (reason.kind) {
    case 'rated':
      return reason.rating
    case 'usable':
      return 'can be used now'
    case 'excluded':
      return 'excluded'
    case 'model-problem':
      return `excluded, as ${reason.why}`
    case 'lacks-task': {
      const tasks = shortenList(reason.tasks, ' and ')
      const { endsIn } = reason
      if (tasks === '') return 'has tasks, and so takes no unclassified request; set unclassified: true'
      return endsIn === undefined
        ? `does not serve ${tasks} by its settings`
        : `has said that it lacks ${tasks}, which is believed for another ${durationText(endsIn)}`
    }
    case 'drained':
      return 'drained'
    case 'unresolved':
      return reason.why
    case 'resolving':
      return 'its name is being resolved'
    case 'down':
      return `down for ${durationText(reason.lastsFor)} (${reason.why})`
    case 'ejected': {
      const { task, why, endsIn } = reason
      const what = task === undefined ? 'ejected' : `ejected for ${task}`
      const time = endsIn === undefined ? 'one request is trying it' : `for another ${durationText(endsIn)}`
      return `${what} (${why}), ${time}`
    }
    case 'busy':
      return `throttled (429) for another ${durationText(reason.endsIn)}`
    case 'warming':
      return `loading ${shortenList(reason.models, ' and ')}`
    case 'recovering':
      return `recovering, with as many requests in flight as it gets for now (${reason.inFlight})`
    case 'still-arriving':
      return 'recovering, and the request is still arriving'
    case 'full': {
      const { inFlight, limit, rating } = reason
      return `full (${inFlight} of ${limit} in flight)${rating === undefined ? '' : `, ${rating}`}`
    }
    case 'reserved':
      return `reserved for urgent requests (${reason.inFlight} of ${reason.limit} in flight)`
    case 'tried':
      return 'this request has failed there'
    case 'failed-lately':
      return 'a request failed there recently'
    case 'higher-tier':
      return `of tier ${reason.tier}, and one of tier ${reason.used} is there`
  }
}

const UNITS: readonly [unit: string, milliseconds: number][] = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** Such as `12 h`, `4.2 s`, `120 ms`. */
export function durationText(milliseconds: number): string {
  const [unit, size] = UNITS.find((entry) => milliseconds >= entry[1]) ?? ['ms', 1]
  const amount = milliseconds / size
  return `${amount < 10 && size > 1 ? Math.round(amount * 10) / 10 : Math.round(amount)} ${unit}`
}
