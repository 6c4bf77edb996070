import { describe, expect, it } from 'vitest'
import { MINUTE, NOON, Script } from './archive.fixture.ts'
import { defaults } from './defaults.ts'

const { bucket, day } = defaults

describe('the history of the day', () => {
  it('counts fates, latencies and backends in buckets of five minutes', () => {
    const script = new Script()
    script.jobs(2)
    script.job({ kind: 'search', time: 40 })
    script.job({ fate: 'failed', isGood: false, time: 9_000, backend: 'nas' })
    script.job({ fate: 'refused', isGood: false, backend: undefined })
    script.pass(bucket)
    script.job({ fate: 'left', isGood: false })
    expect(script.day).toEqual([
      {
        at: NOON,
        fates: { answered: 3, failed: 1, refused: 1 },
        latencies: {
          indexing: { count: 2, p95: expect.closeTo(100, -1) },
          search: { count: 1, p95: expect.closeTo(40, -1) },
        },
        backends: { gpu: { jobs: 3, busy: 0.001 }, nas: { jobs: 1, busy: 0 } },
      },
      { at: NOON + bucket, fates: { left: 1 }, latencies: {}, backends: { gpu: { jobs: 1, busy: 0 } } },
    ])
  })

  it('has the share of each bucket that a backend was busy', () => {
    const script = new Script()
    // Busy for 2 s of every 4 s, for ten minutes.
    for (let i = 0; i < 150; i++) {
      script.pass(2_000)
      script.pass(2_000, { gpu: 2_000 })
      script.job({ time: 2_000 })
    }
    const shares = script.day.map(({ backends }) => backends['gpu']?.busy)
    expect(shares).toEqual([expect.closeTo(0.5, 1), expect.closeTo(0.5, 1), expect.closeTo(0, 2)])
  })

  it('counts work across the border of two buckets for both', () => {
    const script = new Script()
    script.pass(bucket - 6_000)
    script.jobs(10)
    // Busy all the time, until 5 s after the border.
    script.pass(10_000, { gpu: 10_000 })
    script.job({ time: 10_000 })
    expect(script.day.map(({ backends }) => backends['gpu']?.busy)).toEqual([0.02, 1])
    // Of the time so far, then of all five minutes.
    script.pass(5_000)
    expect(script.day.at(-1)?.backends['gpu']?.busy).toBe(0.5)
    const { changes } = script.archive
    script.pass(bucket)
    expect(script.views(false, changes).day.map(({ backends }) => backends['gpu']?.busy)).toEqual([0.017])
    expect(script.views(false, script.archive.changes).day).toEqual([])
  })

  it('forgets what is older than a day', () => {
    const script = new Script()
    for (let i = 0; i < 600; i++) {
      script.job()
      script.pass(bucket)
    }
    const { day: buckets } = script
    expect([buckets.length, buckets[0]?.at]).toEqual([day / bucket - 1, script.now - day + bucket])
    script.pass(day)
    expect(script.day).toEqual([])
  })

  it('is bounded with many backends', () => {
    const script = new Script()
    for (let i = 0; i < 288; i++) {
      for (let n = 0; n < 40; n++)
        script.job({ backend: `backend-${n}`, kind: n % 2 === 0 ? 'ocr' : 'faces' })
      script.pass(bucket)
    }
    expect(JSON.stringify(script.archive.record).length).toBeLessThan(180_000)
  })

  it('forgets the time to come after the clock was set back', () => {
    const script = new Script()
    script.setClock(NOON + 365 * day)
    script.job()
    script.job()
    script.setClock(NOON + MINUTE)
    script.job()
    expect(script.day.map(({ at, fates }) => [at, fates.answered])).toEqual([[NOON, 1]])
  })

  it('has only the changed buckets after a mark', () => {
    const script = new Script()
    script.job()
    script.pass(bucket)
    script.job()
    const { changes } = script.archive
    expect(script.views(false, changes).day).toEqual([])
    script.job()
    expect(script.views(false, changes).day).toMatchObject([{ at: NOON + bucket, fates: { answered: 2 } }])
  })
})
