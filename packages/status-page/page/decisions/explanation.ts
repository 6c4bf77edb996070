import type { AttemptView, DecisionView } from '../../src/wire.ts'
import type { Format } from '../format.ts'
import { attemptInWords } from '../words.ts'

/** Shorter waits are part of every request, in milliseconds. */
const NOTEWORTHY = 5

/** What happened to a request and why, in sentences. */
export function explanationOf(decision: DecisionView, format: Format): string {
  const { duration, count } = format
  const { route, queue, hold, attempts, earlier, heartbeats } = decision
  const waits = [
    ...(queue >= NOTEWORTHY ? [`queued for ${duration(queue)}, because every backend was at its limit`] : []),
    ...(hold >= NOTEWORTHY ? [`held for ${duration(hold)}, because no backend was available`] : []),
  ]
  return [
    route === undefined ? 'No route took it.' : `Route ${route} took it.`,
    ...(waits.length > 0 ? [`It was ${waits.join(', and ')}.`] : []),
    ...(earlier === undefined ? [] : [`${count(earlier)} earlier attempts failed.`]),
    ...attempts.map((attempt, i) => attemptSentence(attempt, i, format)),
    ...(heartbeats > 0 ? [`The client got ${count(heartbeats)} heartbeats while it waited.`] : []),
    endingOf(decision),
  ].join(' ')
}

function attemptSentence(attempt: AttemptView, index: number, { duration }: Format): string {
  const { backend, endpoint, time, hedge } = attempt
  const name = endpoint === undefined ? backend : `${backend} (${endpoint})`
  const how = hedge
    ? 'It was late, so it was also sent to'
    : index === 0
      ? 'It went to'
      : 'The next attempt went to'
  return `${how} ${name}: ${attemptInWords(attempt)}, after ${duration(time)}.`
}

function endingOf({ fate, status, attempts }: DecisionView): string {
  const last = attempts.at(-1)?.backend
  switch (fate) {
    case 'answered':
    case 'rescued':
      return last === undefined ? 'The client got the answer.' : `The client got the answer of ${last}.`
    case 'job-failed':
      return `The job itself is at fault, so the client got the ML server's answer${status === undefined ? '' : `, ${status}`}.`
    case 'failed':
      return status === undefined ? 'The connection to the client was closed.' : `The client got ${status}.`
    case 'refused':
      return `The router answered ${status ?? 'nothing'}.`
    case 'left':
      return 'The client disconnected before it had an answer.'
  }
}
