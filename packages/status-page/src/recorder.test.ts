import { createRouter } from '@immich-ml-router/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answered } from '../../../test/support/outcomes.ts'
import { Archive } from './archive.ts'
import { defaults } from './defaults.ts'
import { Recorder } from './recorder.ts'
import { attemptOf, eventOf, unreachable } from './request-event.fixture.ts'

const { decisions: most } = defaults
const failedEvent = eventOf({ attempts: [attemptOf(unreachable)] })

function recorderOf(events: readonly ReturnType<typeof eventOf>[]): Recorder {
  const router = createRouter({ backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
  onTestFinished(() => router.close({ timeout: 0 }))
  const recorder = new Recorder({ ...router.status(), now: 0 }, new Archive())
  for (const event of events) recorder.record(event)
  return recorder
}

function idsOf(recorder: Recorder, since: number): number[] {
  return recorder.decisionsSince(since).map(({ id }) => id)
}

describe('the recorder', () => {
  it('is empty at first', () => {
    const recorder = recorderOf([])
    expect([recorder.count, recorder.decisionsSince(0)]).toEqual([0, []])
  })

  it('keeps the last requests, and finds the new ones', () => {
    const recorder = recorderOf(Array.from({ length: most + 50 }, () => eventOf()))
    const ids = idsOf(recorder, 0)
    expect([recorder.count, ids.length, ids[0], ids.at(-1)]).toEqual([most + 50, most, 51, most + 50])
    expect(idsOf(recorder, most + 47)).toEqual([most + 48, most + 49, most + 50])
    expect(idsOf(recorder, most + 50)).toEqual([])
  })

  it('keeps problems for longer', () => {
    const recorder = recorderOf([failedEvent, ...Array.from({ length: most }, () => eventOf()), failedEvent])
    const ids = idsOf(recorder, 0)
    expect([ids[0], ids[1], ids.length]).toEqual([1, 3, most + 1])
    expect(idsOf(recorder, most + 1)).toEqual([most + 2])
  })

  it('lists a request that is split, and counts its parts', () => {
    const part = eventOf({ start: 9_990 })
    const recorder = recorderOf([part, part, eventOf({ start: 9_990, attempts: [], parts: 2 })])
    const totals = recorder.history.changedSince(0, 10_015).map(({ fates }) => fates.answered)
    expect([idsOf(recorder, 0).length, totals]).toEqual([3, [2]])
    const [failed] = recorderOf([eventOf({ attempts: [], parts: 2, status: 503 })]).decisionsSince(0)
    expect(failed).toMatchObject({ fate: 'failed', parts: 2 })
  })

  it('counts a request at its end, for the backend of the last attempt', () => {
    const attempts = [attemptOf(unreachable), attemptOf(answered, { backend: 'nas' })]
    const { history } = recorderOf([eventOf({ start: 9_990, attempts })])
    expect(history.changedSince(0, 10_015)).toMatchObject([{ index: 1, backends: { nas: { jobs: 1 } } }])
  })
})
