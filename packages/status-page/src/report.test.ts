import { createRouter, type Router, type RouterStatus, type WaitingRequest } from '@immich-ml-router/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { backendStatus } from '../../../test/support/backend-status.ts'
import { Archive } from './archive.ts'
import { Recorder } from './recorder.ts'
import { Reporter, START } from './report.ts'
import { classificationOf, eventOf } from './request-event.fixture.ts'

/** A router that has the given status and waiting requests. */
function routerOf(status: Partial<RouterStatus> = {}, waiting: readonly WaitingRequest[] = []): Router {
  const router = createRouter({ backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
  onTestFinished(() => router.close({ timeout: 0 }))
  const own = router.status()
  return Object.assign(router, { status: () => ({ ...own, now: 5_000, ...status }), waiting: () => waiting })
}

function reporterOf(router: Router, { actions = false } = {}) {
  const recorder = new Recorder(router.status(), new Archive())
  return { recorder, reporter: new Reporter(router, recorder, { actions }) }
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
})
