import { describe, expect, it } from 'vitest'
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
