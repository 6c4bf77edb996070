import type { ServerResponse } from 'node:http'
import { createRouter, type RequestEvent } from '@immich-ml-router/core'
import { Live } from '../../packages/status-page/src/live.ts'
import { Recorder } from '../../packages/status-page/src/recorder.ts'
import { Reporter } from '../../packages/status-page/src/report.ts'
import { median } from '../lib/stats.ts'

/** What the status page costs the router: to record a request, and to report a second's changes to one viewer. */

const RECORDS = 1_000_000
const TICKS = 500
/** Beyond the last, more requests in a second make no larger report. */
const RATES = [20, 200]

for (const count of [3, 20, 200]) {
  console.log(`\n${count} backends\n  to record a request       ${nanoseconds(new Recorder())} ns`)
  for (const rate of RATES) console.log(`  a second with ${rate} requests  ${await report(count, rate)}`)
}

/** The best of several rounds. */
function nanoseconds(recorder: Recorder): number {
  const event = eventAt(0)
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
  const recorder = new Recorder()
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
  new Live(new Reporter(router, recorder, false), { now: () => performance.now(), after }).add(response)
  const times = Array.from({ length: TICKS }, () => {
    for (let request = 0; request < rate; request++) recorder.record(eventAt(performance.now()))
    const began = performance.now()
    tick()
    return performance.now() - began
  })
  await router.close()
  return `${median(times).toFixed(2)} ms, ${Math.round(bytes / TICKS / 1000)} KB`
}

/** An answered search. */
function eventAt(start: number): RequestEvent {
  const verdict = { kind: 'good' } as const
  const outcome = {
    kind: 'answered',
    status: 200,
    verdict,
    reachedBackend: true,
    reachedClient: true,
  } as const
  const backend = { name: 'b0', url: 'http://b0', endpoint: undefined }
  const times = { start, time: 12.3, connect: 0.2, firstByte: 11.2 }
  const attempt = {
    ...backend,
    backend: 'b0',
    outcome,
    ...times,
    received: 4_000,
    inCompany: false,
    hedge: false,
  }
  const entries = [{ task: 'clip', type: 'textual', model: 'ViT-B-32__openai', options: {} }]
  const event: Omit<RequestEvent, 'req' | 'res'> = {
    ...{ client: '192.168.1.10', route: 'search', backend, attempts: [attempt], outcome, error: undefined },
    classification: { classified: true, entries, tasks: ['clip'], input: 'text' },
    ...{ status: 200, retained: true, bodySize: 300, responseSize: 4_000, heartbeats: 0, start },
    steps: { classify: 0.4, queue: 0, hold: 0, backend: 12.4, firstByte: 11.6, total: 12.9 },
  }
  return event as RequestEvent
}
