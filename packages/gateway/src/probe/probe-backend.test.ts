import { once } from 'node:events'
import net from 'node:net'
import { createRouter } from '@immich-ml-router/core'
import { BackendClient } from '@immich-ml-router/core/parts'
import { FakeClock } from '@immich-ml-router/core/testing'
import { statusPage } from '@immich-ml-router/status-page'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, stubMl } from '../../../../test/support/servers.ts'
import type { Finding } from './finding.ts'
import { probeBackend } from './probe-backend.ts'

function clientOf(url: string): BackendClient {
  const client = new BackendClient({ backends: { gpu: { url } } }, 'gpu')
  onTestFinished(() => client.close())
  return client
}

/** Probes while the time of the clock passes quickly. */
async function probed(url: string): Promise<Finding> {
  const clock = new FakeClock()
  const timer = setInterval(() => clock.advance(1_000), 5)
  try {
    return await probeBackend(clientOf(url), { clock })
  } finally {
    clearInterval(timer)
  }
}

const kinds = (finding: Finding) =>
  finding.kind === 'answers'
    ? Object.fromEntries(finding.jobs.map(({ job, result }) => [job.id, result.kind]))
    : finding

describe('the probe of a backend', () => {
  it('finds out what works and how fast, and whether a model was loaded', async () => {
    const stub = await stubMl({ serviceTime: 10, coldStart: 40 })
    const steps: string[] = []
    const finding = await probeBackend(clientOf(stub.url), { onStep: (step) => steps.push(step) })
    if (finding.kind === 'unusable') throw new Error(finding.reason)
    expect(finding.ping).toBeGreaterThan(0)
    for (const { result } of finding.jobs) {
      if (result.kind !== 'works') throw new Error(result.kind)
      expect(result.time).toBeGreaterThanOrEqual(9)
      expect(result.first).toBeGreaterThanOrEqual(result.time)
    }
    const search = finding.jobs[0]?.result
    expect(search?.kind === 'works' ? search.first : 0).toBeGreaterThanOrEqual(49)
    expect(steps).toEqual(['ping', 'text search', 'image indexing', 'faces', 'OCR'])
    expect(stub.received).toHaveLength(8)
  })

  it('finds the tasks that a backend lacks or fails at', async () => {
    const stub = await stubMl({ fault: { kind: 'lacks', types: ['ocr/detection'] } })
    const works = { search: 'works', indexing: 'works', faces: 'works' }
    expect(kinds(await probed(stub.url))).toEqual({ ...works, ocr: 'lacks' })
    const other = await stubMl({ models: ['ViT-B-32__openai', 'buffalo_l'] })
    expect(kinds(await probed(other.url))).toEqual({ ...works, ocr: 'fails' })
    const next = await stubMl({ models: ['ViT-B-32__openai', 'buffalo_l'], unknown: 422 })
    expect(kinds(await probed(next.url))).toEqual({ ...works, ocr: 'lacks' })
  })

  it('ends after a minute if nothing is answered, and has asked for every job', async () => {
    const stub = await stubMl({ fault: 'hang' })
    const finding = await probed(stub.url)
    expect(kinds(finding)).toEqual({ search: 'late', indexing: 'late', faces: 'late', ocr: 'late' })
    expect(JSON.stringify(finding)).toMatch(/no answer within \d\d s: the model may still be loading/)
  })

  it.each<[string, Parameters<typeof stubMl>[0], 'unreachable' | 'wrong', RegExp]>([
    ['refuse', { fault: 'refuse' }, 'unreachable', /^connection refused: start the ML server, or correct/],
    [
      'freeze',
      { fault: 'freeze' },
      'unreachable',
      /\/ping has no answer within 10 s: the ML server is frozen/,
    ],
    [
      '401 everywhere',
      { fault: { kind: 'status', status: 401, everywhere: true } },
      'wrong',
      /^answered 401 Unauthorized: set backends\.gpu\.auth$/,
    ],
    [
      '403 for jobs',
      { fault: { kind: 'status', status: 403 } },
      'wrong',
      /^answered 403 Forbidden: .* set backends\.gpu\.auth$/,
    ],
    ['a login page', { fault: { kind: 'login-page' } }, 'wrong', /with a page instead of JSON: a login page/],
    [
      'a login page everywhere',
      { fault: { kind: 'login-page', everywhere: true } },
      'wrong',
      /with a page instead of pong: a login page/,
    ],
    ['a redirect', { fault: { kind: 'redirect' } }, 'wrong', /^answered 302 to http:\/\/127.*: a login page/],
  ])('names the cause and the cure: %s', async (_, options, cause, reason) => {
    const stub = await stubMl(options)
    expect(await probed(stub.url)).toEqual({ kind: 'unusable', cause, reason: expect.stringMatching(reason) })
  })

  it('names the URL to which http is redirected', async () => {
    const { url } = await listen((req, res) =>
      res.writeHead(301, { location: `https://127.0.0.1:8443${req.url}` }).end(),
    )
    expect(await probed(`${url}/ml`)).toMatchObject({
      cause: 'wrong',
      reason: expect.stringMatching(/^redirects http to https, .* to https:\/\/127\.0\.0\.1:8443\/ml$/),
    })
  })

  it.each([true, false])('recognizes a gateway, with a status page: %s', async (hasPage) => {
    const stub = await stubMl()
    const router = createRouter({ health: false, backends: { other: { url: stub.url } } })
    onTestFinished(() => router.close({ timeout: 0 }))
    const page = statusPage(router)
    const { url } = await listen((req, res) =>
      hasPage ? page(req, res, () => router.handle(req, res)) : router.handle(req, res),
    )
    expect(await probed(url)).toMatchObject({
      cause: 'wrong',
      reason: expect.stringContaining('is a gateway of immich-ml-router'),
    })
  })

  it('knows a port of another program, and a name that does not exist', async () => {
    const server = net
      .createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n'))
      .listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    expect(await probed(`http://127.0.0.1:${port}`)).toMatchObject({
      cause: 'unreachable',
      reason: expect.stringMatching(/^(the answer is not HTTP|connection closed without an answer)/),
    })
    expect(await probed('http://no-such-host.invalid')).toMatchObject({
      cause: 'unreachable',
      reason: expect.stringMatching(/^(no such host|the host name cannot be resolved)/),
    })
  })
})
