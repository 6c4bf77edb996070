import type { AttemptRecord, Outcome } from '@immich-ml-router/core'

/** A record of an attempt with this outcome; the other values are defaults that a test can override. */
export function attemptRecord(outcome: Outcome, overrides: Partial<AttemptRecord> = {}): AttemptRecord {
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
    ...overrides,
  }
}
