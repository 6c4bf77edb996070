import type { ServerResponse } from 'node:http'
import { createRouter } from '@immich-ml-router/core'
import { FakeClock } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Archive } from './archive.ts'
import { defaults } from './defaults.ts'
import { Live } from './live.ts'
import { Recorder } from './recorder.ts'
import { Reporter } from './report.ts'
import { eventOf } from './request-event.fixture.ts'
import type { Report } from './wire.ts'

function setUp() {
  const clock = new FakeClock()
  const router = createRouter({ clock, backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
  onTestFinished(() => router.close({ timeout: 0 }))
  const recorder = new Recorder(router.status(), new Archive())
  const live = new Live(new Reporter(router, recorder, { actions: false }), clock)
  const timers = clock.pending
  return { clock, router, recorder, live, timers: () => clock.pending - timers }
}

/** A viewer and the reports that it got. */
function viewerOf() {
  const reports: Report[] = []
  let leave = () => {}
  let isEnded = false
  const response = {
    writableLength: 0,
    writableNeedDrain: false,
    on() {},
    once: (_: string, listener: () => void) => {
      leave = listener
    },
    flushHeaders() {},
    write: (text: string) => reports.push(JSON.parse(text.slice(text.indexOf('{')))),
    end: () => {
      isEnded = true
    },
  }
  return {
    reports,
    res: response as unknown as ServerResponse,
    leave: () => leave(),
    isEnded: () => isEnded,
  }
}

describe('live reports', () => {
  it('are whole at first, then contain changes, once per interval', () => {
    const { clock, live, recorder } = setUp()
    const { res, reports } = viewerOf()
    live.add(res)
    recorder.record(eventOf())
    expect(reports).toMatchObject([{ whole: true, decisions: [] }])
    clock.advance(defaults.interval)
    expect(reports.slice(1)).toMatchObject([{ whole: false, decisions: [{ id: 1 }] }])
  })

  it('are sent without changes only once per beat', () => {
    const { clock, live } = setUp()
    const { res, reports } = viewerOf()
    live.add(res)
    clock.advance(defaults.beat - 1)
    expect(reports).toHaveLength(1)
    clock.advance(1)
    expect(reports).toHaveLength(2)
  })

  it('are sent at once by flush', () => {
    const { live, router } = setUp()
    const { res, reports } = viewerOf()
    live.flush()
    live.add(res)
    void router.drain('gpu')
    live.flush()
    expect(reports.map(({ backends }) => backends[0]?.health.state)).toEqual(['healthy', 'drained'])
  })

  it('need no timer without viewers', () => {
    const { live, timers } = setUp()
    const [one, other] = [viewerOf(), viewerOf()]
    expect(timers()).toBe(0)
    live.add(one.res)
    live.add(other.res)
    expect(timers()).toBe(1)
    one.leave()
    expect(timers()).toBe(1)
    other.leave()
    expect(timers()).toBe(0)
  })

  it('end with the last changes', () => {
    const { live, recorder } = setUp()
    const { res, reports, isEnded } = viewerOf()
    live.add(res)
    recorder.record(eventOf())
    live.end()
    expect(reports.at(-1)).toMatchObject({ decisions: [{ id: 1 }] })
    expect(isEnded()).toBe(true)
  })
})
