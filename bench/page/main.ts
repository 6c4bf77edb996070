import type { ServerResponse } from 'node:http'
import { createRouter, type RouterStatus } from '@immich-ml-router/core'
import { Archive } from '../../packages/status-page/src/archive.ts'
import { Live } from '../../packages/status-page/src/live.ts'
import { Recorder } from '../../packages/status-page/src/recorder.ts'
import { Reporter } from '../../packages/status-page/src/report.ts'
import { eventOf } from '../../packages/status-page/src/request-event.fixture.ts'
import { median } from '../lib/stats.ts'

/** What the status page costs the router: to record a request, and to report a second's changes to one viewer. */

const RECORDS = 1_000_000
const TICKS = 500
/** Beyond the last, more requests in a second make no larger report. */
const RATES = [20, 200]

for (const count of [3, 20, 200]) {
  console.log(
    `\n${count} backends\n  to record a request       ${nanoseconds(new Recorder(await idleStatus(), new Archive()))} ns`,
  )
  for (const rate of RATES) console.log(`  a second with ${rate} requests  ${await report(count, rate)}`)
}

async function idleStatus(): Promise<RouterStatus> {
  await using router = createRouter({ health: false, backends: { gpu: { url: 'http://127.0.0.1:9' } } })
  return router.status()
}

/** The best of several rounds. */
function nanoseconds(recorder: Recorder): number {
  const event = eventOf()
  const rounds = Array.from({ length: 7 }, () => {
    const began = performance.now()
    for (let i = 0; i < RECORDS; i++) recorder.record(event)
    return ((performance.now() - began) / RECORDS) * 1e6
  })
  return Math.round(Math.min(...rounds))
}

async function report(count: number, rate: number): Promise<string> {
  const names = Array.from({ length: count }, (_, i) => [`b${i}`, { url: 'http://127.0.0.1:9' }])
  const router = createRouter({ health: false, backends: Object.fromEntries(names) })
  const recorder = new Recorder(router.status(), new Archive())
  let tick = () => {}
  const after = (_: number, callback: () => void) => {
    tick = callback
    return () => {}
  }
  let bytes = 0
  const write = (text: string) => (bytes += text.length)
  const viewer = { on() {}, once() {}, flushHeaders() {}, writableLength: 0, write }
  // The page uses no more of a response.
  const response = viewer as unknown as ServerResponse
  new Live(new Reporter(router, recorder, { actions: false }), { now: () => performance.now(), after }).add(
    response,
  )
  const times = Array.from({ length: TICKS }, () => {
    for (let request = 0; request < rate; request++) recorder.record(eventOf({ start: performance.now() }))
    const began = performance.now()
    tick()
    return performance.now() - began
  })
  await router.close()
  return `${median(times).toFixed(2)} ms, ${Math.round(bytes / TICKS / 1000)} KB`
}
