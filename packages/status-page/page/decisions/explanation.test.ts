import { expect, it } from 'vitest'
import type { DecisionView } from '../../src/wire.ts'
import { formatFor } from '../format.ts'
import { decisionOf } from '../samples.ts'
import { explanationOf } from './explanation.ts'

const format = formatFor('en')
const explain = (decision: Partial<DecisionView>) =>
  explanationOf(decisionOf(1, decision), format).replaceAll('\u202f', ' ')
const attempt = {
  start: 0,
  time: 30,
  outcome: 'answered',
  status: 200,
  hedge: false,
  backend: 'gpu',
} as const

it.each<[string, Partial<DecisionView>]>([
  [
    'Route images took it. It went to gpu: answered 200, after 30 ms. The client got the answer of gpu.',
    { route: 'images', attempts: [attempt] },
  ],
  [
    'Route images took it. It was queued for 2 s, because every backend was at its limit. It went to gpu: connection refused, after 30 ms. The next attempt went to nas (10.0.0.2:3003): answered 200, after 30 ms. The client got the answer of nas.',
    {
      route: 'images',
      queue: 2_000,
      fate: 'rescued',
      attempts: [
        { ...attempt, outcome: 'failed', status: undefined, cause: 'ECONNREFUSED' },
        { ...attempt, backend: 'nas', endpoint: '10.0.0.2:3003' },
      ],
    },
  ],
  [
    "Route images took it. It went to gpu: answered 422, after 30 ms. The job itself is at fault, so the client got the ML server's answer, 422.",
    { route: 'images', fate: 'job-failed', status: 422, attempts: [{ ...attempt, status: 422 }] },
  ],
  [
    'Route images took it. It was held for 2 h 5 min, because no backend was available. The client got 250 heartbeats while it waited. The router answered 503.',
    { route: 'images', hold: 7_500_000, heartbeats: 250, fate: 'refused', status: 503 },
  ],
  ['No route took it. The client disconnected before it had an answer.', { fate: 'left', queue: 1 }],
])('%s', (text, decision) => {
  expect(explain(decision)).toBe(text)
})
