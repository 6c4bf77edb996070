import type http from 'node:http'
import { Agent } from 'undici'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../../../test/support/servers.ts'
import { Backend } from '../backend/backend.ts'
import type { ProbeProgress } from '../backend/health/checker.ts'
import { probe } from './probe.ts'

const check = { path: '/ping', interval: 10_000, timeout: 2_000, rise: 1, fall: 1 }

async function probed(url: string, signal = new AbortController().signal) {
  const dispatcher = new Agent()
  onTestFinished(() => dispatcher.destroy())
  const progress: ProbeProgress = {}
  const backend = new Backend('gpu', { url, weight: 1, headers: { authorization: 'Bearer t' } })
  const problem = await probe(backend, check, { dispatcher, headers: { 'x-own': '1' }, signal, progress })
  return { problem, progress }
}

describe('a probe', () => {
  it('asks below the base path, with the headers of requests, and finds a backend healthy', async () => {
    const asked: http.IncomingMessage[] = []
    const { url } = await listen((req, res) => {
      asked.push(req)
      res.end('pong')
    })
    expect(await probed(`${url}/ml/`)).toEqual({ problem: undefined, progress: { connected: true } })
    const [request] = asked
    expect([request?.method, request?.url]).toEqual(['GET', '/ml/ping'])
    expect(request?.headers).toMatchObject({ 'x-own': '1', authorization: 'Bearer t', connection: 'close' })
  })

  it.each<[string, http.RequestListener, string]>([
    ['a status', (_, res) => res.writeHead(404).end(), 'answered 404 Not Found: set backends.gpu.url'],
    [
      'a page',
      (_, res) => res.setHeader('content-type', 'text/html').end('<html>'),
      'with a page instead of pong',
    ],
    [
      'a redirect',
      (_, res) => res.writeHead(302, { location: 'http://login/' }).end(),
      'answered 302 to http://login',
    ],
    [
      'a page without an end',
      (_, res) => void res.write(`<html>${' '.repeat(20_000)}`),
      'with a page instead of pong',
    ],
    ['no answer', ({ socket }) => socket.destroy(), 'UND_ERR_SOCKET'],
  ])('reports %s', async (_what, listener, problem) => {
    const { url } = await listen(listener)
    const result = await probed(url)
    expect(result.problem).toContain(problem)
    expect(result.progress.connected).toBe(true)
  })

  it('says that a backend which refuses the connection has none', async () => {
    const { url, server } = await listen(() => {})
    await new Promise((resolve) => server.close(resolve))
    expect(await probed(url)).toEqual({ problem: 'ECONNREFUSED', progress: { connected: false } })
  })

  it('ends when it is aborted', async () => {
    const abort = new AbortController()
    const { url } = await listen(() => abort.abort())
    const { problem, progress } = await probed(url, abort.signal)
    expect([problem, progress.connected]).toEqual(['Error: the probe is over', true])
  })
})
