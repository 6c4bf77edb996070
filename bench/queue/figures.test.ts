import { expect, it } from 'vitest'
import { FAULT_ROWS, type FaultRow } from '../../test/support/fault-rows.ts'
import type { JobRecord } from '../../test/support/immich-client.ts'
import { figuresOf } from './figures.ts'
import { possibleJobs, timelineOf } from './timeline.ts'

const IDLE = { gpu: 21, nas: 151 }

function rowOf(name: string): FaultRow {
  const row = FAULT_ROWS.find((each) => each.name === name)
  if (row === undefined) throw new Error(`no row ${name}`)
  return row
}

function record(start: number, more: Partial<JobRecord> = {}): JobRecord {
  return { job: 'indexing', start, end: start + 20, failure: null, undecodable: false, ...more }
}

const search = (start: number, more: Partial<JobRecord> = {}) => record(start, { job: 'textSearch', ...more })

it('a fault starts at 2 s, and throughput is measured from 5 s later, or 5 s after its end', () => {
  expect(timelineOf(rowOf('401'), 20)).toEqual({
    seconds: 20,
    faultAt: 2,
    faulty: [{ from: 2, to: 20 }],
    window: { from: 7, to: 20 },
  })
  expect(timelineOf(rowOf('both-down'), 20)).toMatchObject({
    faulty: [{ from: 2, to: 10 }],
    window: { from: 15, to: 20 },
  })
  expect(timelineOf(rowOf('flapping'), 20).faulty.map(({ from }) => from)).toEqual([2, 6, 10, 14, 18])
  expect(timelineOf(rowOf('baseline'), 20)).toMatchObject({ faulty: [], window: { from: 7, to: 20 } })
})

it('a shorter row is scaled', () => {
  expect(timelineOf(rowOf('both-down'), 10)).toMatchObject({
    faulty: [{ from: 2, to: 6 }],
    window: { from: 8, to: 10 },
  })
})

it('the healthy backends can do what their threads and service times allow', () => {
  const perSecond = (name: string) => {
    const timeline = timelineOf(rowOf(name), 20)
    return possibleJobs(rowOf(name), timeline) / (timeline.window.to - timeline.window.from)
  }
  expect(perSecond('baseline')).toBeCloseTo(206.67, 1)
  expect(perSecond('401')).toBeCloseTo(6.67, 1)
  expect(perSecond('both-down')).toBeCloseTo(206.67, 1)
  expect(perSecond('memory-1')).toBeCloseTo(56.67, 1)
  // The GPU is down from 7 to 8, 10 to 12, 14 to 16 and 18 to 20 s.
  expect(perSecond('flapping')).toBeCloseTo((206.67 * 6 + 6.67 * 7) / 13, 1)
})

it('counts good jobs and searches apart from what no backend could serve', () => {
  const row = rowOf('both-down')
  const figures = figuresOf(
    row,
    timelineOf(row, 20),
    [
      record(100),
      record(16_000),
      record(3_000, { failure: 'status 502' }),
      record(3_100, { failure: 'status 502' }),
      record(4_000, { failure: 'status 500', undecodable: true }),
      record(19_990, { end: null }),
      search(16_000),
      search(5_000, { end: 14_000 }),
      search(3_000, { failure: 'status 503' }),
      search(12_000, { failure: 'status 503' }),
    ],
    IDLE,
  )
  expect(figures).toMatchObject({
    lost: 2,
    done: 2,
    unfinished: 1,
    searchesLost: 1,
    searchesLostDown: 1,
    searchP95: 20,
    idleP95: 21,
    restart: null,
    failures: { 'status 502': 2 },
  })
})

it('searches count as throughput only if they take from the capacity for images', () => {
  const shareOf = (name: string) => {
    const row = rowOf(name)
    return figuresOf(row, timelineOf(row, 20), [search(10_000)], IDLE).share
  }
  expect(shareOf('401')).toBeCloseTo(1 / (13 / 0.15), 5)
  expect(shareOf('images-501')).toBe(0)
})

it('jobs lost while a gateway drains and while nothing listens are apart', () => {
  const row = rowOf('restart')
  const refused = { failure: 'ECONNREFUSED' }
  const figures = figuresOf(
    row,
    timelineOf(row, 20),
    [
      record(2_100, { failure: 'ECONNRESET' }),
      record(2_200, refused),
      record(2_960, refused),
      record(3_500, refused),
      record(5_000, { failure: 'status 500' }),
      search(3_500, refused),
    ],
    IDLE,
    { signalled: 2_000, exited: 3_000, listening: 4_000 },
  )
  expect(figures).toMatchObject({
    lost: 2,
    restart: { draining: 1, stopped: 3 },
    searchesLost: 0,
    searchesLostDown: 1,
    searchP95: null,
  })
})
