import { describe, expect, it } from 'vitest'
import { defaults } from './defaults.ts'
import { History } from './history.ts'
import type { AttemptEntry, Entry } from './tally.ts'

const { span, minute, history: quarter } = defaults
const SPANS = quarter / span

const ENTRY: Entry = { at: 0, fate: 'answered', kind: 'search', time: 10, backend: 'gpu', route: 'all' }
const ATTEMPT: AttemptEntry = { at: 0, backend: 'gpu', kind: 'search', time: 10, fault: undefined }

/** A history of requests with these ends. */
function historyOf(...entries: Partial<Entry>[]): History {
  const history = new History(0)
  for (const entry of entries) history.add({ ...ENTRY, ...entry })
  return history
}

const WELL = { isAvailable: true, isLimited: true }

const fatesOf = (history: History, now: number, longest: number) => history.window(now, longest).view.fates

describe('history', () => {
  it('counts by span, fate, kind and backend', () => {
    const history = historyOf(
      {},
      { fate: 'failed', time: 10_000 },
      { at: span, kind: 'faces', backend: 'nas' },
      { at: span, fate: 'refused', backend: undefined },
    )
    expect(history.changedSince(0, span)).toMatchObject([
      {
        index: 0,
        fates: { answered: 1, failed: 1 },
        latencies: { search: { count: 1 } },
        backends: { gpu: { jobs: 2, busy: 0 } },
      },
      {
        index: 1,
        fates: { answered: 1, refused: 1 },
        latencies: { faces: { count: 1 } },
        backends: { nas: { jobs: 1 } },
      },
    ])
    expect(fatesOf(history, span, minute)).toEqual({
      answered: 2,
      'job-failed': 0,
      rescued: 0,
      failed: 1,
      refused: 1,
      left: 0,
    })
  })

  it('counts latencies of answered requests only', () => {
    const failed = historyOf({ fate: 'failed' }, { fate: 'refused' }, { fate: 'left' })
    expect(failed.window(0, minute).view.latencies).toEqual({})
    expect(historyOf({ fate: 'rescued' }).window(0, minute).view.latencies.search?.count).toBe(1)
  })

  it('returns only changed spans', () => {
    const history = historyOf({}, { at: span })
    const before = history.changes
    expect(history.changedSince(before, span)).toEqual([])
    history.add({ ...ENTRY, at: span, kind: 'ocr' })
    expect(history.changedSince(before, span)).toMatchObject([{ index: 1, fates: { answered: 2 } }])
  })

  it('has windows that forget, also without new requests', () => {
    const history = historyOf({ fate: 'failed' }, { at: span })
    expect(fatesOf(history, minute - 1, minute)).toMatchObject({ failed: 1, answered: 1 })
    expect(fatesOf(history, minute, minute)).toMatchObject({ failed: 0, answered: 1 })
    expect(fatesOf(history, minute + span, minute)).toMatchObject({ failed: 0, answered: 0 })
    expect(fatesOf(history, quarter - 1, quarter)).toMatchObject({ failed: 1, answered: 1 })
    expect(fatesOf(history, quarter, quarter)).toMatchObject({ failed: 0, answered: 1 })
    history.add({ ...ENTRY, at: quarter + 2 * span })
    expect(history.changedSince(0, quarter + 2 * span).map(({ index }) => index)).toEqual([SPANS + 2])
  })

  it('counts an attempt that ended long before its request', () => {
    const history = historyOf({}, { at: 5 * span })
    const resets = () => history.window(5 * span, minute).backendOf('gpu', WELL).verdicts
    expect(resets()).toEqual({})
    history.addAttempt({ ...ATTEMPT, at: span, time: undefined, fault: 'reset' })
    expect(resets()).toEqual({ reset: 1 })
  })

  it('ignores a request that is older than the history', () => {
    const history = historyOf({ at: (SPANS + 1) * span })
    history.add(ENTRY)
    expect(fatesOf(history, (SPANS + 1) * span, quarter).answered).toBe(1)
  })

  it('has the rate over the time that a window covers', () => {
    const history = historyOf(...Array.from({ length: 100 }, () => ({})))
    const windowAt = (now: number) => {
      const { length, rate } = history.window(now, minute).view
      return { length, rate }
    }
    expect(windowAt(0)).toEqual({ length: 0, rate: 100 })
    expect(windowAt(span)).toEqual({ length: span, rate: 10 })
    expect(windowAt(minute - 1)).toEqual({ length: minute - 1, rate: 1.667 })
    // The current span has just begun.
    expect(windowAt(minute)).toEqual({ length: minute - span, rate: 0 })
  })

  it('covers no time before the start of the recording', () => {
    expect(new History(25_000).window(26_000, minute).view.length).toBe(1_000)
  })
})

describe('the window of a backend', () => {
  it('has its jobs, and its share of those of all backends while it gets requests', () => {
    const history = historyOf({}, {}, {}, { backend: 'nas' }, { backend: undefined })
    const window = history.window(0, minute)
    expect(window.backendOf('gpu', WELL)).toMatchObject({ jobs: 3, share: 0.75 })
    expect(window.backendOf('gpu', { ...WELL, isAvailable: false })).toMatchObject({
      jobs: 3,
      share: undefined,
    })
    expect(window.backendOf('idle', WELL)).toMatchObject({ jobs: 0, share: 0 })
    expect(historyOf().window(0, minute).backendOf('gpu', WELL).share).toBeUndefined()
  })

  it('has durations of good attempts by kind, and counts the others by verdict', () => {
    const history = historyOf()
    const faults = [undefined, undefined, 'reset', 'reset', 'job']
    for (const fault of faults)
      history.addAttempt({ ...ATTEMPT, kind: 'ocr', fault, time: fault === undefined ? 100 : undefined })
    const { latencies, verdicts } = history.window(0, minute).backendOf('gpu', WELL)
    expect([latencies.ocr?.count, Object.keys(latencies), verdicts]).toEqual([
      2,
      ['ocr'],
      { reset: 2, job: 1 },
    ])
  })

  it('is busy for a share of the time, over all spans', () => {
    const history = historyOf()
    const use = (from: number, busy: number, load: number, limit: number | undefined = 4) =>
      history.addUse({ from, time: span, backends: new Map([['gpu', { busy, load, limit }]]) })
    use(0, 10_000, 5_000)
    use(span, 5_000, 1_000)
    use(2 * span, 0, 0)
    const { busy, load } = history.window(3 * span - 1, minute).backendOf('gpu', WELL)
    expect([busy, load]).toEqual([0.5, 0.2])
    expect(history.changedSince(0, 3 * span - 1).map(({ backends }) => backends)).toEqual([
      { gpu: { jobs: 0, busy: 1, limit: 4 } },
      { gpu: { jobs: 0, busy: 0.5, limit: 4 } },
    ])
  })

  it('has no load without a limit', () => {
    const history = historyOf()
    const backends = new Map([['gpu', { busy: 5_000, load: 0, limit: undefined }]])
    history.addUse({ from: 0, time: span, backends })
    const window = history.window(0, minute)
    expect(window.backendOf('gpu', { ...WELL, isLimited: false })).toMatchObject({
      busy: 0.5,
      load: undefined,
    })
    expect(window.backendOf('idle', WELL)).toMatchObject({ busy: 0, load: 0 })
  })
})

it('the window of a route has its jobs and failures', () => {
  const history = historyOf(
    {},
    { fate: 'failed' },
    { fate: 'refused' },
    { fate: 'left' },
    { route: undefined },
  )
  expect(history.window(0, minute).routeOf('all')).toEqual({ jobs: 4, failed: 2 })
  expect(history.window(0, minute).routeOf('other')).toEqual({ jobs: 0, failed: 0 })
})
