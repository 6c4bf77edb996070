import { describe, expect, it } from 'vitest'
import { formatFor } from '../format.ts'
import type { Model } from '../model.ts'
import { NO_FATES, reportOf, spanOf } from '../samples.ts'
import { Store } from '../store.ts'
import { powersOfTen, roundTimes } from './axes.ts'
import { dayBuckets, recentBuckets } from './buckets.ts'
import { busyPlot } from './busy-chart.ts'
import { marksIn } from './chart.ts'
import { markOf } from './event-words.ts'
import { jobsPlot } from './jobs-chart.ts'
import { latencyPlot } from './latency-chart.ts'

const WALL = 1_800_000_000_000
const format = formatFor('en')

/** Four spans of 10 s, the last of which has lasted for 6 s; and buckets of 5 min. */
function model(rest: Parameters<typeof reportOf>[0] = {}): Model {
  const report = reportOf({ now: 106_000, wall: WALL + 6_000, ...rest })
  const store = new Store()
  store.take(report)
  return { report, store, now: report.now, wallOf: (time) => report.wall + time - report.now, format }
}

const spans = [
  spanOf(8, {
    fates: { ...NO_FATES, answered: 20, failed: 1 },
    latencies: { search: { count: 9, p50: 10, p95: 40 } },
    backends: { gpu: { jobs: 20, busy: 0.5 }, nas: { jobs: 1, busy: 0.1 } },
  }),
  spanOf(10, { fates: { ...NO_FATES, answered: 12 }, backends: { gpu: { jobs: 12, busy: 1 } } }),
]

describe('the buckets of the plots', () => {
  it('are the spans of the last minutes, by the time of the day', () => {
    const { timeline, all } = recentBuckets(model({ spans }), [])
    expect(timeline.starts.map((start) => start - WALL)).toEqual([-30_000, -20_000, -10_000, 0])
    expect(all.map((bucket) => bucket?.fates.answered)).toEqual([undefined, 20, undefined, 12])
  })

  it('are those of the day', () => {
    const at = Math.floor(WALL / 300_000) * 300_000
    const day = [{ at: at - 300_000, fates: { answered: 3 }, latencies: {}, backends: {} }]
    const { timeline, all } = dayBuckets(model({ day }), [])
    expect(timeline.starts.slice(-2)).toEqual([at - 300_000, at])
    expect(all.slice(-2).map((bucket) => bucket?.fates.answered)).toEqual([3, undefined])
  })

  it('have the events of their time', () => {
    const marks = [-20_001, -20_000, -10_001, -10_000].map((time) => ({
      at: WALL + time,
      tone: 'go' as const,
      text: String(time),
    }))
    const { timeline } = recentBuckets(model({ spans }), marks)
    expect(marksIn(timeline, 1).map(({ text }) => text)).toEqual(['-20000', '-10001'])
  })
})

describe('the plots', () => {
  const buckets = recentBuckets(model({ spans }), [])

  it('show jobs per second; the current span by the time that it has lasted', () => {
    const { lines, summary } = jobsPlot(buckets, format)
    expect(lines.map(({ key, values }) => [key, values])).toEqual([
      ['answered', [0, 2, 0, 2]],
      ['failed', [0, 0.1, 0, 0]],
    ])
    expect([lines[0]?.at(3), lines[0]?.sum]).toEqual(['2/s', '32'])
    expect(summary).toBe('Jobs of the last 15 minutes: answered 32, failed 1.')
  })

  it('show the latency of the kinds of jobs that occurred', () => {
    const { lines } = latencyPlot(buckets, format)
    expect(lines.map(({ name, values, low }) => [name, values, low])).toEqual([
      ['Text search', [null, 40, null, null], [null, 10, null, null]],
    ])
  })

  it('show the busy share of the most used backends', () => {
    const { lines, summary } = busyPlot(buckets, format)
    expect(lines.map(({ name, values }) => [name, values])).toEqual([
      ['gpu', [0, 0.5, 0, 1]],
      ['nas', [0, 0.1, 0, 0]],
    ])
    expect(summary).toBe('Mean busy share of the last 15 minutes: gpu 38%, nas 3%.')
  })

  it('say that nothing happened', () => {
    const empty = recentBuckets(model(), [])
    expect([jobsPlot, latencyPlot, busyPlot].map((plot) => plot(empty, format).summary)).toEqual([
      'No jobs in the last 15 minutes.',
      'No answers in the last 15 minutes.',
      'No backend was busy in the last 15 minutes.',
    ])
  })
})

describe('an event in words', () => {
  it.each([
    [{ kind: 'started' }, 'Router started'],
    [{ kind: 'down', backend: 'gpu', reason: 'ECONNREFUSED' }, 'gpu down: connection refused'],
    [{ kind: 'woken', backend: 'gpu' }, 'gpu woken'],
    [
      { kind: 'ejected', backend: 'gpu', endpoint: '10.0.0.1:3003', task: 'ocr', reason: '500' },
      'gpu (10.0.0.1:3003) ejected for OCR (ocr): 500',
    ],
  ] as const)('%j', (event, text) => {
    expect(markOf({ id: 1, at: 5, ...event })).toMatchObject({ at: 5, text })
  })
})

describe('the axes', () => {
  it('label round times of the local day', () => {
    const noon = Date.UTC(2026, 0, 1, 12, 2) / 1000
    expect(roundTimes(noon, noon + 900, 4, 0).map((time) => (time - noon) / 60)).toEqual([3, 8, 13])
    const hours = roundTimes(noon, noon + 86_400, 5, -90)
    expect(hours.map((time) => ((time / 3600 + 1.5) % 24) % 6)).toEqual(hours.map(() => 0))
  })

  it('label powers of ten around all values', () => {
    expect(powersOfTen(3, 4_000)).toEqual([1, 10, 100, 1_000, 10_000])
    expect(powersOfTen(10, 10)).toEqual([10, 100])
  })
})
