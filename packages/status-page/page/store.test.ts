import { describe, expect, it } from 'vitest'
import type { BucketView, EventView, RunView } from '../src/wire.ts'
import { decisionOf, NO_FATES, reportOf, spanOf } from './samples.ts'
import { Store } from './store.ts'

const ids = (store: Store) => store.decisions.map(({ id }) => id)

describe('the store', () => {
  it('adds changes to the first report', () => {
    const store = new Store()
    store.take(reportOf({ decisions: [1, 2].map((id) => decisionOf(id)), spans: [spanOf(0)] }))
    const more = { ...NO_FATES, answered: 5 }
    store.take(
      reportOf({ whole: false, decisions: [decisionOf(3)], spans: [spanOf(0, { fates: more }), spanOf(1)] }),
    )
    expect(ids(store)).toEqual([3, 2, 1])
    expect(store.spansUntil(10_000).map((span) => span?.fates.answered)).toEqual([undefined, undefined, 5, 0])
  })

  it('forgets the oldest', () => {
    const store = new Store()
    store.take(reportOf({ decisions: [1, 2, 3].map((id) => decisionOf(id)), spans: [spanOf(0), spanOf(1)] }))
    store.take(reportOf({ whole: false, now: 40_000, decisions: [decisionOf(4)] }))
    expect(ids(store)).toEqual([4, 3, 2])
    expect(store.spansUntil(40_000).map((span) => span?.index)).toEqual([1, undefined, undefined, undefined])
    expect(store.spansUntil(30_000)[0]).toBeUndefined()
  })

  it('skips repeated decisions', () => {
    const store = new Store()
    store.take(reportOf({ decisions: [1, 2].map((id) => decisionOf(id)) }))
    store.take(reportOf({ whole: false, decisions: [2, 3].map((id) => decisionOf(id)) }))
    expect(ids(store)).toEqual([3, 2, 1])
  })

  it('replaces changed runs and buckets by their start, and adds new events once', () => {
    const store = new Store()
    store.take(
      reportOf({ runs: [1, 2, 3].map((start) => runOf(start)), day: [bucketOf(0)], events: [eventOf(4)] }),
    )
    const change = { runs: [runOf(3, 50), runOf(4)], day: [bucketOf(0, 7), bucketOf(300_000)] }
    store.take(reportOf({ whole: false, wall: 400_000, ...change, events: [eventOf(4), eventOf(5)] }))
    expect(store.runs.map(({ start, jobs }) => [start, jobs])).toEqual([
      [4, 30],
      [3, 50],
      [2, 30],
    ])
    expect(store.day.map(({ at, fates }) => [at, fates.answered])).toEqual([
      [0, 7],
      [300_000, 1],
    ])
    expect(store.events.map(({ id }) => id)).toEqual([4, 5])
    store.take(reportOf({ whole: false, wall: 1_800_000 }))
    expect([store.day.map(({ at }) => at), store.events]).toEqual([[], []])
    store.take(reportOf({ runs: [runOf(9)] }))
    expect(store.runs.map(({ start }) => start)).toEqual([9])
  })

  it('starts over with a new router', () => {
    const store = new Store()
    store.take(reportOf({ decisions: [1, 2, 3].map((id) => decisionOf(id)), spans: [spanOf(0)] }))
    store.take(reportOf({ decisions: [decisionOf(1)] }))
    expect([ids(store), store.spansUntil(0).filter(Boolean)]).toEqual([[1], []])
  })

  it('keeps problems for longer', () => {
    const store = new Store()
    store.take(reportOf({ decisions: [1, 2, 3].map((id) => decisionOf(id, { fate: 'failed' })) }))
    store.take(reportOf({ whole: false, decisions: [4, 5, 6].map((id) => decisionOf(id)) }))
    expect([ids(store), store.troubles.map(({ id }) => id)]).toEqual([
      [6, 5, 4],
      [3, 2],
    ])
  })
})

function runOf(start: number, jobs = 30): RunView {
  return { start, jobs, rate: 1, kinds: { indexing: jobs }, failures: 0, backends: {} }
}

function bucketOf(at: number, answered = 1): BucketView {
  return { at, fates: { answered }, latencies: {}, backends: {} }
}

function eventOf(id: number): EventView {
  return { id, at: 300_000 + id, kind: 'down', backend: 'gpu' }
}
