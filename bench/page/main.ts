import type { ServerResponse } from 'node:http'
import { createRouter, type RequestEvent } from '@immich-ml-router/core'
import { Live } from '../../packages/status-page/src/live.ts'
import { Recorder } from '../../packages/status-page/src/recorder.ts'
import { Reporter } from '../../packages/status-page/src/report.ts'

/** The cost of the status page: recording a request, and one report of the changes of a second to one viewer. */

const RECORDS = 1_000_000
const TICKS = 500
/** More requests in a second make no larger report. */
const MOST = 200

for (const count of [3, 20, 200]) {
  const recorder = new Recorder()
  console.log(`\n${count} backends`)
  console.log(`  to record a request       ${nanoseconds(recorder)} ns`)
  for (const rate of [20, MOST])
    console.log(
      `  a second with ${rate === MOST ? `${rate} or more` : rate} requests  ${await report(count, rate)}`,
    )
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
  const clock = {
    now: () => performance.now(),
    after(_: number, callback: () => void) {
      tick = callback
      return () => {}
    },
  }
  let bytes = 0
  const viewer = {
    on() {},
    once() {},
    flushHeaders() {},
    writableLength: 0,
    write: (text: string) => (bytes += text.length),
  }
  // The page uses no other members of a response.
  new Live(new Reporter(router, recorder, false), clock).add(viewer as unknown as ServerResponse)
  const times: number[] = []
  for (let i = 0; i < TICKS; i++) {
    for (let request = 0; request < rate; request++) recorder.record(eventAt(performance.now()))
    const began = performance.now()
    tick()
    times.push(performance.now() - began)
  }
  await router.close()
  const median = times.sort((a, b) => a - b)[TICKS / 2] ?? 0
  return `${median.toFixed(2)} ms, ${Math.round(bytes / TICKS / 1000)} KB`
}

/** An answered search. */
function eventAt(start: number): RequestEvent {
  const outcome = {
    kind: 'answered',
    status: 200,
    verdict: { kind: 'good' },
    reachedBackend: true,
    reachedClient: true,
  } as const
  const attempt = {
    backend: 'b0',
    url: 'http://b0',
    endpoint: undefined,
    outcome,
    start,
    time: 12.3,
    connect: 0.2,
    firstByte: 11.2,
  }
  const event: Omit<RequestEvent, 'req' | 'res'> = {
    client: '192.168.1.10',
    classification: {
      classified: true,
      entries: [{ task: 'clip', type: 'textual', model: 'ViT-B-32__openai', options: {} }],
      tasks: ['clip'],
      input: 'text',
    },
    route: 'search',
    backend: { name: 'b0', url: 'http://b0', endpoint: undefined },
    attempts: [{ ...attempt, received: 4_000, inCompany: false, hedge: false }],
    outcome,
    error: undefined,
    status: 200,
    retained: true,
    bodySize: 300,
    responseSize: 4_000,
    heartbeats: 0,
    start,
    steps: { classify: 0.4, queue: 0, hold: 0, backend: 12.4, firstByte: 11.6, total: 12.9 },
  }
  // The recorder reads neither `req` nor `res`.
  return event as RequestEvent
}
