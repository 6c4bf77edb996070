import type { IncomingHttpHeaders } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, stubMl } from '../../../../test/support/servers.ts'
import { Backend } from '../backend/backend.ts'
import { canaryBody } from '../canary/canary-body.ts'
import type { CanaryJob } from '../canary/canary-job.ts'
import { resolveAnswerClasses } from '../judge/answer-classes.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { StubMlServerOptions } from '../testing/stub-ml-server.ts'
import { Dispatchers } from './dispatchers.ts'
import { sendCanary } from './send-canary.ts'

const JOB: CanaryJob = {
  key: 'clip/visual/a',
  exact: 'exact a',
  entries: [{ task: 'clip', type: 'visual', model: 'a', options: {} }],
  input: 'image',
  headers: {},
}

async function setUp(options: StubMlServerOptions = {}, headers: IncomingHttpHeaders = {}, other?: string) {
  const ml = await stubMl(options)
  const clock = new FakeClock()
  const backend = new Backend('gpu', { url: other ?? ml.url, weight: 1, headers: { 'x-key': 'secret' } })
  const dispatchers = new Dispatchers({})
  onTestFinished(() => dispatchers.destroy())
  const stopping = new AbortController()
  const send = async () =>
    sendCanary(backend, { ...JOB, headers }, await canaryBody(JOB, undefined), {
      clock,
      dispatcher: dispatchers.for(backend),
      headers: {},
      passed: new Set(),
      classes: resolveAnswerClasses(undefined),
      answerMemory: 1024 * 1024,
      timeout: 1_000,
      signal: stopping.signal,
    })
  return { ml, clock, send, stopping }
}

describe('sending a canary', () => {
  it('passes with a good answer, and has the credentials of the backend', async () => {
    const { ml, send } = await setUp()
    expect(await send()).toEqual({ kind: 'passed' })
    const [received] = ml.received
    expect([received?.url, received?.headers['x-key'], received?.jobs]).toEqual([
      '/predict',
      'secret',
      [{ task: 'clip', type: 'visual', model: 'a' }],
    ])
  })

  it.each([
    [{ fault: 'error' }, /500/],
    [{ fault: { kind: 'login-page' } }, /page/],
    [{ fault: { kind: 'json', value: {} } }, /without "clip"/],
    [{ fault: 'reset' }, /reset|ECONNRESET|other side closed/],
    [{ models: ['other'] }, /500/],
  ] satisfies [StubMlServerOptions, RegExp][])('fails with %j', async (options, reason) => {
    const { send } = await setUp(options)
    expect(await send()).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) })
  })

  it('has the headers of the request that failed, as its attempts do', async () => {
    const { ml, send } = await setUp({}, { 'x-api-key': 'k', cookie: 'c', 'content-length': '1' })
    expect(await send()).toEqual({ kind: 'passed' })
    expect(ml.received[0]?.headers).toMatchObject({ 'x-api-key': 'k', 'x-key': 'secret' })
    expect(ml.received[0]?.headers).not.toHaveProperty('cookie')
  })

  it('reads an answer with a content coding', async () => {
    const { url } = await listen((req, res) => {
      req.resume().on('end', () => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        res.end(gzipSync('{"clip":"[0.1,0.2]"}'))
      })
    })
    const { send } = await setUp({}, {}, url)
    expect(await send()).toEqual({ kind: 'passed' })
  })

  it('says nothing when a proxy refuses its size', async () => {
    const { send } = await setUp({ fault: { kind: 'status', status: 413 } })
    expect(await send()).toEqual({ kind: 'unknown' })
  })

  it('says what fails: the connection, the backend, or the task', async () => {
    const { ml, send } = await setUp()
    const scopes: unknown[] = []
    for (const fault of ['refuse', { kind: 'status', status: 401 }, 'error', 'reset'] as const) {
      await ml.setFault(fault)
      scopes.push(Reflect.get(await send(), 'scope'))
    }
    expect(scopes).toEqual(['unreachable', 'backend', 'type', 'type'])
  })

  it('says nothing when the backend is busy', async () => {
    const { send } = await setUp({ fault: { kind: 'status', status: 429, detail: 'later' } })
    expect(await send()).toEqual({ kind: 'unknown' })
  })

  it('fails without an answer in time, and says nothing when it is cancelled', async () => {
    const { ml, clock, send, stopping } = await setUp({ fault: 'hang' })
    const late = send()
    await expect.poll(() => ml.received.length).toBe(1)
    clock.advance(1_000)
    expect(await late).toEqual({ kind: 'failed', scope: 'type', reason: 'no answer in 1000 ms' })
    const cancelled = send()
    await expect.poll(() => ml.received.length).toBe(2)
    stopping.abort()
    expect(await cancelled).toEqual({ kind: 'unknown' })
    expect(clock.pending).toBe(0)
  })

  it('is sent again on a connection that was closed without notice', async () => {
    const { ml, send } = await setUp()
    expect(await send()).toEqual({ kind: 'passed' })
    await ml.setFault('refuse')
    await ml.setFault(undefined)
    expect(await send()).toEqual({ kind: 'passed' })
  })
})
