import type { AttemptView, DecisionView } from '../../src/wire.ts'
import { h } from '../dom.ts'
import type { Format } from '../format.ts'
import { Sign } from '../icons.ts'
import { attemptInWords, toneOfAttempt } from '../words.ts'
import { explanationOf } from './explanation.ts'
import { attemptLine } from './timeline.ts'

type Fact = readonly [name: string, value: string]

/** All details of a completed request. */
export function detailsOf(decision: DecisionView, format: Format): HTMLElement {
  const { attempts, error, earlier } = decision
  const inside = h(
    'div',
    { class: 'inside' },
    h('p', { class: 'explanation' }, explanationOf(decision, format)),
  )
  if (error !== undefined) inside.append(h('p', { class: 'error' }, error))
  inside.append(facts(stepsOf(decision, format)), facts(factsOf(decision, format)))
  const entries = decision.job.entries.map(({ task, type, model }) => `${task}/${type} ${model}`)
  if (entries.length > 0) inside.append(h('p', { class: 'entries' }, h('code', {}, entries.join(', '))))
  if (earlier !== undefined)
    inside.append(h('p', { class: 'note' }, `${format.count(earlier)} earlier attempts are not shown.`))
  if (attempts.length > 0) inside.append(tableOf(decision, format))
  return inside
}

function stepsOf({ classify, queue, hold, firstByte, total }: DecisionView, { duration }: Format): Fact[] {
  return [
    ...optional('Classified after', classify === undefined ? undefined : duration(classify)),
    ...optional('Queued', queue > 0 ? duration(queue) : undefined),
    ...optional('Held', hold > 0 ? duration(hold) : undefined),
    ...optional('First byte after', firstByte === undefined ? undefined : duration(firstByte)),
    ['Total', duration(total)],
  ]
}

function factsOf(decision: DecisionView, { bytes, count }: Format): Fact[] {
  const { client, route, status, bodySize, responseSize, heartbeats, retained, cached, parts } = decision
  return [
    ['Route', route ?? 'none'],
    ...optional(
      'Answer',
      cached && (cached === 'fresh' ? 'saved, still fresh' : 'saved, too old to be preferred'),
    ),
    ...optional(
      'Split',
      parts === undefined ? undefined : `by task into ${parts} requests, which are in this list`,
    ),
    ['Client', client ?? 'unknown'],
    ['Status', status === undefined ? 'none: connection closed' : String(status)],
    ['Size', `${bytes(bodySize)} in, ${bytes(responseSize)} out`],
    ...optional('Heartbeats', heartbeats > 0 ? count(heartbeats) : undefined),
    ...optional('Retries', retained ? undefined : 'none: the body did not fit into the buffer'),
  ]
}

function optional(name: string, value: string | undefined): Fact[] {
  return value === undefined ? [] : [[name, value]]
}

function facts(rows: readonly Fact[]): HTMLElement {
  return h(
    'dl',
    { class: 'details' },
    ...rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  )
}

function tableOf({ attempts, total }: DecisionView, format: Format): HTMLElement {
  const head = (text: string) => h('th', { scope: 'col' }, text)
  return h(
    'table',
    { class: 'attempts' },
    h('caption', {}, attempts.length > 1 ? `${format.count(attempts.length)} attempts` : 'One attempt'),
    h('thead', {}, h('tr', {}, head('Backend'), head('Connected'), head('First byte'), head('Took'))),
    h('tbody', {}, ...attempts.map((attempt) => rowOf(attempt, total, format))),
  )
}

function rowOf(attempt: AttemptView, total: number, { duration }: Format): HTMLTableRowElement {
  const { backend, endpoint, connect, firstByte, time, hedge } = attempt
  const name = endpoint === undefined ? backend : `${backend} at ${endpoint}`
  const cell = (value: number | undefined) => h('td', {}, value === undefined ? '–' : duration(value))
  return h(
    'tr',
    {},
    h(
      'th',
      { scope: 'row' },
      new Sign(toneOfAttempt(attempt)).element,
      h('span', {}, `${name}: ${attemptInWords(attempt)}${hedge ? ' (hedge)' : ''}`),
      attemptLine(attempt, total),
    ),
    cell(connect),
    cell(firstByte),
    cell(time),
  )
}
