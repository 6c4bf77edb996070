import { createRouter, type Router, type RouterStatus, type WaitingRequest } from '@immich-ml-router/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { backendStatus } from '../../../test/support/backend-status.ts'
import { Archive } from './archive.ts'
import { defaults } from './defaults.ts'
import { Recorder } from './recorder.ts'
import { Reporter, type ReporterOptions, START } from './report.ts'
import { classificationOf, eventOf } from './request-event.fixture.ts'
import type { QueuesView } from './wire.ts'

/** A router that has the given status and waiting requests. */
function routerOf(status: Partial<RouterStatus> = {}, waiting: readonly WaitingRequest[] = []): Router {
  const router = createRouter({ backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
  onTestFinished(() => router.close({ timeout: 0 }))
  const own = router.status()
  return Object.assign(router, { status: () => ({ ...own, now: 5_000, ...status }), waiting: () => waiting })
}

function reporterOf(router: Router, { actions = false, ...options }: Partial<ReporterOptions> = {}) {
  const recorder = new Recorder(router.status(), new Archive())
  return { recorder, reporter: new Reporter(router, recorder, { actions, ...options }) }
}

describe('a report', () => {
  it('is whole at first, then has only the changes after a mark', () => {
    const { recorder, reporter } = reporterOf(routerOf(), { actions: true })
    recorder.record(eventOf())
    expect(reporter.report(START)).toMatchObject({
      whole: true,
      now: 5_000,
      since: 5_000,
      actions: true,
      state: 'running',
      decisions: [{ id: 1 }],
      spans: [{ index: 0 }],
    })
    const { mark } = reporter
    expect(reporter.report(mark)).toMatchObject({ whole: false, decisions: [], spans: [] })
    recorder.record(eventOf())
    expect(reporter.report(mark)).toMatchObject({ decisions: [{ id: 2 }], spans: [{ index: 0 }] })
  })

  it('has the state of each backend, with its latest latencies', () => {
    const latencies = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`kind-${i}`, i + 0.123]))
    const backends = [
      backendStatus('gpu', {
        waiting: { full: 2, unavailable: 1 },
        limit: 4,
        latencies,
        warming: ['ocr/detection/a'],
      }),
    ]
    const [backend] = reporterOf(routerOf({ backends })).reporter.report(START).backends
    expect(backend).toMatchObject({
      name: 'gpu',
      queued: 2,
      held: 1,
      limit: 4,
      loading: ['ocr/detection/a'],
      health: { state: 'healthy' },
    })
    const kinds = Object.entries(backend?.latencies ?? {})
    expect([kinds.length, kinds.at(-1)]).toEqual([20, ['kind-29', 29.1]])
  })

  it('has the oldest 40 waiting requests, and the count of all', () => {
    const request: WaitingRequest = {
      route: 'all',
      reason: 'full',
      start: 1_000.04,
      since: 1_000.04,
      classification: classificationOf(['clip', 'textual', 'ViT']),
      client: '127.0.0.1',
      tenant: undefined,
    }
    const router = routerOf(
      { held: { all: 30, other: 30 } },
      Array.from({ length: 60 }, () => request),
    )
    const { waiting } = reporterOf(router).reporter.report(START)
    expect([waiting.count, waiting.first.length]).toEqual([60, 40])
    expect(waiting.first[0]).toMatchObject({ route: 'all', reason: 'full', at: 1_000, client: '127.0.0.1' })
    expect(waiting.first[0]?.kind).toBe('search')
  })

  it("has what remains of the current run in Immich's queues, also when the run has not changed", () => {
    const queue = { name: 'ocr', active: 0, lost: 0 } as const
    let queues: QueuesView | undefined
    const { recorder, reporter } = reporterOf(routerOf(), { queues: () => queues })
    for (let i = 0; i < defaults.runJobs; i++)
      recorder.record(eventOf({ classification: classificationOf(['ocr', 'recognition', 'PP-OCR']) }))
    const { mark } = reporter
    const left = (view?: QueuesView) => {
      queues = view
      return reporter.report(mark).runs.map(({ remaining, expectedEnd }) => [remaining, expectedEnd])
    }
    expect(left()).toEqual([])
    const [first, second] = [
      { ...queue, remaining: 40, expectedEnd: 60_000 },
      { ...queue, remaining: 50, expectedEnd: 120_000 },
    ]
    expect(left({ updated: 1, queues: [first, second] })).toEqual([[90, 120_000]])
    expect(left({ updated: 1, queues: [first, { ...second, expectedEnd: undefined }] })).toEqual([
      [90, undefined],
    ])
    const unknown = [[undefined, undefined]]
    expect(left({ queues: [] })).toEqual(unknown)
    expect(left({ updated: 1, problem: 'Immich does not answer.', queues: [first] })).toEqual(unknown)
  })
})
