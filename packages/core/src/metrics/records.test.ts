import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { answered, failed, superseded } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { RequestEvent } from '../router/router.ts'
import { Records } from './records.ts'

function attempt(outcome: Outcome, hedge = false): AttemptRecord {
  const times = { start: 0, time: 10, connect: undefined, firstByte: undefined }
  return {
    backend: 'gpu',
    url: 'http://gpu',
    endpoint: undefined,
    outcome,
    ...times,
    received: 0,
    inCompany: false,
    hedge,
  }
}

/** The values of a metric after a request with some attempts, without those that are 0. */
async function after(attempts: readonly AttemptRecord[], metric: string): Promise<Record<string, number>> {
  const registry = new Registry()
  const context = { registry, prefix: '', names: [], beforeRead: () => {} }
  const records = new Records(context, { models: false, tenants: false, buckets: [1], longBuckets: [1] })
  const steps = { classify: 0, queue: 0, hold: 0, backend: 1, firstByte: undefined, total: 1 }
  const event = {
    route: 'r',
    attempts,
    outcome: answered,
    bodySize: 0,
    responseSize: 0,
    heartbeats: 0,
    steps,
  }
  records.request(event as unknown as RequestEvent)
  const values = (await registry.getSingleMetric(metric)?.get())?.values ?? []
  return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).at(-1), value]))
}

it('counts a retry for each attempt after the first that is not a hedge', async () => {
  const attempts = [
    attempt(failed('reset')),
    attempt(failed('connect')),
    attempt(superseded, true),
    attempt(answered),
  ]
  expect(await after(attempts, 'retries_total')).toEqual({ r: 2 })
  expect(await after([attempt(answered), attempt(superseded, true)], 'retries_total')).toEqual({})
  expect(await after([], 'retries_total')).toEqual({})
})

it('counts attempts by outcome, and hedges by result', async () => {
  const won = { ...answered, reachedClient: true } as const
  const attempts = [attempt(failed('connect-timeout')), attempt(superseded, true), attempt(won, true)]
  expect(await after(attempts, 'attempts_total')).toEqual({ connect_timeout: 1, superseded: 1, answered: 1 })
  expect(await after(attempts, 'hedges_total')).toEqual({ lost: 1, won: 1 })
})
