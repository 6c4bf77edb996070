import type { AttemptRecord, Classification, Outcome, RequestEvent } from '@immich-ml-router/core'
import { attemptRecord } from '../../../test/support/attempt-record.ts'
import { answered, failed } from '../../../test/support/outcomes.ts'

export const unreachable = failed('connect')

export function attemptOf(outcome: Outcome, rest: Partial<AttemptRecord> = {}): AttemptRecord {
  const steps = { start: 1_005, time: 20, connect: 1, firstByte: 15, received: 100 }
  return attemptRecord(outcome, { ...steps, ...rest })
}

export function classificationOf(...jobs: [task: string, type: string, model: string][]): Classification {
  const entries = jobs.map(([task, type, model]) => ({
    task,
    type,
    model,
    options: { secret: 'of the client' },
  }))
  return { classified: true, entries, tasks: [...new Set(entries.map(({ task }) => task))], input: 'text' }
}

/** The event of an answered search, with the differences of a test. */
export function eventOf(rest: Partial<RequestEvent> = {}): RequestEvent {
  const attempts = rest.attempts ?? [attemptOf(answered)]
  const event: Omit<RequestEvent, 'req' | 'res'> = {
    client: '127.0.0.1',
    tenant: undefined,
    classification: classificationOf(['clip', 'textual', 'ViT']),
    route: 'search',
    backend: { name: 'gpu', url: 'http://gpu', endpoint: undefined },
    attempts,
    outcome: attempts.at(-1)?.outcome,
    error: undefined,
    status: 200,
    retained: true,
    bodySize: 300,
    responseSize: 100,
    heartbeats: 0,
    start: 1_000,
    steps: { classify: 1, queue: 2, hold: 0, backend: 22, firstByte: 20, total: 25 },
    ...rest,
  }
  // The recorder must not keep references to the sockets.
  const forbidden = {
    get: () => {
      throw new Error('the status page reads a socket')
    },
  }
  return Object.defineProperties(event, { req: forbidden, res: forbidden }) as RequestEvent
}
