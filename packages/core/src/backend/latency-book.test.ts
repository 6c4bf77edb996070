import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Backend } from './backend.ts'
import { LatencyBook } from './latency-book.ts'
import type { Outcome } from './outcome.ts'

const book = () => new LatencyBook(new FakeClock())
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

describe('the percentile of a kind of job', () => {
  it('is not known until there are twenty', () => {
    const latencies = book()
    for (const time of upTo(19)) latencies.observe('search', time)
    expect(latencies.percentile('search', 50)).toBeUndefined()
    latencies.observe('search', 20)
    expect(latencies.percentile('search', 50)).toBe(10)
    expect(latencies.percentile('ocr', 50)).toBeUndefined()
  })

  it.each([
    [50, 50],
    [90, 90],
    [95, 95],
    [99, 99],
  ])('p%i of 1 to 100, in whatever order they came, is %i', (percent, expected) => {
    const latencies = book()
    for (const i of upTo(100)) latencies.observe('search', ((i * 37) % 100) + 1)
    expect(latencies.percentile('search', percent)).toBe(expected)
  })

  it('is of the last hundred: what was before is forgotten', () => {
    const latencies = book()
    for (const _ of upTo(500)) latencies.observe('search', 10_000)
    for (const _ of upTo(95)) latencies.observe('search', 20)
    expect(latencies.percentile('search', 95)).toBe(20)
    expect(latencies.percentile('search', 96)).toBe(10_000)
    for (const _ of upTo(5)) latencies.observe('search', 20)
    expect(latencies.percentile('search', 99)).toBe(20)
  })

  it('is kept for two hundred kinds', () => {
    const latencies = book()
    for (const _ of upTo(20)) latencies.observe('old', 5)
    for (const i of upTo(199)) latencies.observe(`kind ${i}`, 1)
    expect(latencies.percentile('old', 95)).toBe(5)
    latencies.observe('new', 1)
    expect(latencies.percentile('old', 95)).toBeUndefined()
  })

  it('is of jobs that were done: a failure, quick or slow, is none', () => {
    const latencies = book()
    for (const time of upTo(20)) latencies.observe('search', time)
    for (const _ of upTo(50)) latencies.observeFailure('search', 60_000)
    expect(latencies.percentile('search', 95)).toBe(19)
  })
})

describe('a copy that another was quicker than', () => {
  const superseded: Outcome = { kind: 'superseded', reachedBackend: true, reachedClient: false }
  const answered: Outcome = { kind: 'answered', status: 200, reachedBackend: true, reachedClient: true }

  function backend() {
    const clock = new FakeClock()
    const gpu = new Backend('gpu', { url: 'http://gpu', weight: 1, clock })
    const run = (time: number, outcome: Outcome) => {
      const slot = gpu.reserve(['clip'], 'search')
      clock.advance(time)
      slot.release(outcome)
    }
    return { gpu, run }
  }

  it('is no strike, and gives its slot back', () => {
    const { gpu, run } = backend()
    for (const _ of upTo(10)) run(300, superseded)
    expect(gpu.health).toMatchObject({ failures: 0, tasks: {}, reachable: { kind: 'closed', failures: 0 } })
    expect([gpu.inFlight, gpu.obstacle(['clip'])]).toEqual([0, undefined])
  })

  it('took at least so long, which counts when others took less', () => {
    const { gpu, run } = backend()
    const learned = () => [gpu.expected('search'), gpu.percentile('search', 50), gpu.percentile('search', 95)]
    run(5, superseded)
    expect(gpu.expected('search')).toBeUndefined()
    for (const _ of upTo(20)) run(100, answered)
    for (const _ of upTo(20)) run(5, superseded)
    expect(learned()).toEqual([100, 100, 100])
    for (const _ of upTo(10)) run(400, superseded)
    expect(learned()).toEqual([400, 100, 400])
  })

  it('as the trial of a backend that was ejected has found out nothing: the next request is the trial', () => {
    const { gpu, run } = backend()
    const failed: Outcome = {
      kind: 'failed',
      cause: 'reset',
      error: new Error('reset'),
      reachedBackend: true,
      reachedClient: false,
    }
    for (const _ of upTo(3)) run(1, failed)
    expect(gpu.obstacle(['clip'])?.kind).toBe('ejected')
    run(6_000, superseded)
    const slot = gpu.reserve(['clip'], 'search')
    expect(slot.trial).toBe(true)
    slot.release(superseded)
    expect(gpu.reserve(['clip'], 'search').trial).toBe(true)
  })
})
