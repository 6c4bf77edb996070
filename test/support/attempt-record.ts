import type { AttemptRecord, Outcome } from '@immich-ml-router/core'

/** What a router keeps of an attempt of which nothing but the outcome matters, or what a test says besides. */
export function attemptRecord(outcome: Outcome, differing: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    backend: 'gpu',
    url: 'http://gpu',
    endpoint: undefined,
    outcome,
    start: 0,
    time: 1,
    connect: undefined,
    firstByte: undefined,
    received: 0,
    inCompany: false,
    hedge: false,
    ...differing,
  }
}
