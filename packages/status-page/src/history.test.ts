import { describe, expect, it } from 'vitest'
import { defaults } from './defaults.ts'
import { type Entry, History } from './history.ts'

const { span } = defaults
const SPANS = defaults.history / span

/** A history of requests with these ends. */
function historyOf(...entries: Partial<Entry>[]): History {
  const history = new History()
  for (const entry of entries)
    history.add({ at: 0, fate: 'answered', kind: 'search', time: 10, backend: 'gpu', ...entry })
  return history
}

describe('history', () => {
  it('counts by span, fate, kind and backend', () => {
    const history = historyOf(
      {},
      { fate: 'failed', time: 10_000 },
      { at: span, kind: 'bulk', backend: 'nas' },
      { at: span, fate: 'refused', backend: undefined },
    )
    expect(history.changedSince(0, span)).toMatchObject([
      {
        index: 0,
        fates: { answered: 1, failed: 1 },
        latencies: { search: { count: 1 } },
        backends: { gpu: 2 },
      },
      {
        index: 1,
        fates: { answered: 1, refused: 1 },
        latencies: { bulk: { count: 1 } },
        backends: { nas: 1 },
      },
    ])
    expect(history.figures(span).fates).toEqual({ answered: 2, rescued: 0, failed: 1, refused: 1, left: 0 })
  })

  it('counts latencies of answered requests only', () => {
    const failed = historyOf({ fate: 'failed' }, { fate: 'refused' }, { fate: 'left' })
    expect(failed.figures(0).latencies).toEqual({ search: undefined, bulk: undefined })
    expect(historyOf({ fate: 'rescued' }).figures(0).latencies.search?.count).toBe(1)
  })

  it('returns only changed spans', () => {
    const history = historyOf({}, { at: span })
    const before = history.changes
    expect(history.changedSince(before, span)).toEqual([])
    history.add({ at: span, fate: 'answered', kind: 'bulk', time: 1, backend: 'gpu' })
    expect(history.changedSince(before, span)).toMatchObject([{ index: 1, fates: { answered: 2 } }])
  })

  it('drops old spans, also without new requests', () => {
    const history = historyOf({}, { at: span })
    const last = SPANS * span
    expect(history.figures(last).fates.answered).toBe(2)
    expect(history.figures(last + span).fates.answered).toBe(1)
    expect(history.figures(last + 5 * span).fates.answered).toBe(0)
    history.add({ at: last + span, fate: 'answered', kind: 'search', time: 1, backend: undefined })
    expect(history.changedSince(0, last + span).map(({ index }) => index)).toEqual([1, SPANS + 1])
  })

  it('ignores a request that is older than the history', () => {
    const history = historyOf({ at: (SPANS + 1) * span })
    history.add({ at: 0, fate: 'answered', kind: 'search', time: 1, backend: undefined })
    expect(history.figures((SPANS + 1) * span).fates.answered).toBe(1)
  })

  it('has the rate of the last ten seconds', () => {
    const hundred = Array.from({ length: 100 }, () => ({}))
    const history = historyOf(...hundred)
    expect(history.figures(span - 1).rate).toBeCloseTo(10, 1)
    expect(history.figures(span * 1.5).rate).toBeCloseTo(5)
    expect(history.figures(span * 2.5).rate).toBe(0)
  })
})
