import { randomBytes } from 'node:crypto'
import type { RequestEvent } from '@immich-ml-router/core'
import {
  type ConnectionFault,
  type ImmichJob,
  immichBody,
  type StubMlServer,
} from '@immich-ml-router/core/testing'
import { expect, it } from 'vitest'
import { type Answer, post } from './support/client.ts'
import { fastClock } from './support/fast-clock.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

const REQUESTS = 2_000
const AT_ONCE = 40
const TASKS: Record<ImmichJob, string> = {
  textSearch: 'clip',
  indexing: 'clip',
  faces: 'facial-recognition',
  ocr: 'ocr',
}
/** A second of real time each: on a busy machine, the good backend may be slow. */
const TIMEOUTS = { response: '20s', connect: '20s' } as const
const CHOICE = { strategy: 'least-conn', timeouts: TIMEOUTS } as const
const JOBS = Object.keys(TASKS) as ImmichJob[]

/** Numbers from 0 to 1 that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function bodyOf(i: number, random: () => number): { job: ImmichJob; body: Buffer } {
  const job = JOBS[i % JOBS.length] ?? 'ocr'
  // One in fifty is too large for memory.
  const size = random() < 0.02 ? 2_000_000 : Math.floor(random() * 30_000)
  return { job, body: immichBody(job, job === 'textSearch' ? `search ${i}` : randomBytes(size + 16)) }
}

/** Kills, resets, hangs and restarts backends, until it is stopped. */
function wreak(
  victims: readonly StubMlServer[],
  random: () => number,
): () => Promise<Record<string, number>> {
  const faults: (ConnectionFault | undefined)[] = [
    'refuse',
    undefined,
    'reset',
    undefined,
    'hang',
    'refuse',
    undefined,
  ]
  const done: Record<string, number> = {}
  let stopped = false
  const loop = async () => {
    while (!stopped) {
      const victim = victims[Math.floor(random() * victims.length)]
      const fault = faults[Math.floor(random() * faults.length)]
      await victim?.setFault(fault)
      done[fault ?? 'restart'] = (done[fault ?? 'restart'] ?? 0) + 1
      await new Promise((resolve) => setTimeout(resolve, 20 + random() * 150))
    }
    for (const victim of victims) await victim.setFault('refuse')
    return done
  }
  const running = loop()
  return () => {
    stopped = true
    return running
  }
}

it(`${REQUESTS} requests are all answered, and rightly, while two of three backends are killed, reset, hung and restarted`, async () => {
  const random = seeded(Number(process.env['CHAOS_SEED'] ?? 7))
  const stubs: Record<string, StubMlServer> = {}
  for (const name of ['a', 'b', 'c', 'outside']) stubs[name] = await stubMl({ threads: 16, serviceTime: 100 })
  const { a, b, outside } = stubs
  if (a === undefined || b === undefined || outside === undefined) throw new Error('a stand-in is missing')
  // Minutes of ejections, probes and timeouts pass within seconds.
  const { router, url } = await serveRouter({
    backends: Object.fromEntries(Object.entries(stubs).map(([name, { url }]) => [name, { url }])),
    routes: [
      { match: { task: 'nothing' }, backends: ['outside'] },
      // Every request is late, so that the budget is used up. Not on both victims: a request over which two backends
      // break at once is given up, also if it did not cause that.
      { match: { type: 'textual' }, backends: ['a', 'c'], ...CHOICE, hedge: { after: '1s' } },
      { match: { type: 'visual' }, backends: ['b', 'c'], ...CHOICE, hedge: { after: '1s' } },
      { backends: ['a', 'b', 'c'], ...CHOICE },
    ],
    clock: fastClock(20),
    health: { timeout: TIMEOUTS.connect },
  })
  const failures: RequestEvent[] = []
  const attempts: number[] = []
  let hedges = 0
  router.on('request', (event) => {
    if (event.status !== 200) failures.push(event)
    attempts.push(event.attempts.length)
    hedges += event.attempts.filter(({ hedge }) => hedge).length
  })

  const answers: { job: ImmichJob; sha: string; answer: Answer }[] = []
  let next = 0
  const client = async () => {
    while (next < REQUESTS) {
      const { job, body } = bodyOf(next++, random)
      answers.push({ job, sha: sha256(body), answer: await post(url, body) })
    }
  }
  const stop = wreak([a, b], random)
  await Promise.all(Array.from({ length: AT_ONCE }, client))
  const done = await stop()

  expect(
    failures.map(({ status, attempts }) => [
      status,
      ...attempts.map(({ backend, outcome, time }) =>
        [
          backend,
          'cause' in outcome ? outcome.cause : outcome.kind,
          outcome.reachedClient,
          Math.round(time),
        ].join(' '),
      ),
    ]),
  ).toEqual([])
  const received = Object.fromEntries(
    Object.entries(stubs).map(([name, stub]) => [
      name,
      new Set(stub.received.filter(({ complete }) => complete).map((it) => it.sha256)),
    ]),
  )
  for (const { job, sha, answer } of answers) {
    expect([answer.status, Object.keys(JSON.parse(answer.body.toString()))[0]]).toEqual([200, TASKS[job]])
    expect(received[String(answer.headers['x-immich-ml-backend'])]?.has(sha)).toBe(true)
  }
  expect([answers.length, outside.started]).toEqual([REQUESTS, 0])
  // It was not a quiet time.
  expect(Object.keys(done).sort()).toEqual(['hang', 'refuse', 'reset', 'restart'])
  expect(attempts.filter((count) => count > 1).length).toBeGreaterThan(10)
  expect(hedges).toBeGreaterThan(0)
  expect(hedges).toBeLessThanOrEqual(Math.ceil((REQUESTS / 2) * 0.05))
  expect(router.status()).toMatchObject({ active: 0, held: {} })
  expect(router.status().backends.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0, 0])
}, 120_000)
