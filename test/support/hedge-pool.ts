import type http from 'node:http'
import type { BackendOptions, Route, RouterOptions } from '@immich-ml-router/core'
import { FakeClock, immichBody } from '@immich-ml-router/core/testing'
import { post } from './client.ts'
import { serveRouter } from './router-server.ts'
import { listen, until } from './servers.ts'

export const LATE: Partial<Route> = { hedge: { after: '300ms' } }

/** A router over backends a, b, c, … in that order, with one route, on a clock that stands still. */
export async function serve(
  backends: readonly BackendOptions[],
  route: Partial<Route> = LATE,
  options: Partial<RouterOptions> = {},
) {
  const clock = new FakeClock()
  const named = Object.fromEntries(
    backends.map((backend, i) => ['abcdef'[i] ?? '', { maxConcurrent: 'unlimited' as const, ...backend }]),
  )
  const served = await serveRouter({
    backends: named,
    routes: [{ backends: Object.keys(named), strategy: 'first', ...route }],
    health: false,
    heartbeat: false,
    clock,
    ...options,
  })
  const { router, url, requests: events } = served
  const inFlight = () => router.status().backends.map((backend) => backend.inFlight)
  /** How each copy of a request ended, once it is over. */
  const ends = async (request = 0) => {
    await until(() => events.length > request, 'it is over')
    return events[request]?.attempts.map(({ backend, outcome, hedge }) => {
      const how = 'cause' in outcome ? outcome.cause : outcome.kind
      return `${backend} ${how}${hedge ? ', a hedge' : ''}`
    })
  }
  return { clock, router, url, events, inFlight, ends }
}

/** A server that answers each predict request when it is told to, and sees when it is aborted. */
export async function gate() {
  const waiting: http.ServerResponse[] = []
  const seen = { requests: 0, aborted: 0 }
  const { url } = await listen((req, res) => {
    req.resume().on('end', () => {
      seen.requests++
      waiting.push(res)
    })
    res.on('close', () => {
      if (!res.writableFinished) seen.aborted++
    })
  })
  const next = async () => {
    await until(() => waiting.length > 0, 'the server has a request')
    const res = waiting.shift()
    if (res === undefined) throw new Error('another was quicker')
    return res
  }
  const answer = async (status: number, body: string, headers: http.OutgoingHttpHeaders = {}) => {
    const res = await next()
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }
  const reset = async () => void (await next()).socket?.resetAndDestroy()
  const has = (requests = 1) => until(() => seen.requests === requests, `the server has ${requests}`)
  return { url, seen, waiting, next, answer, reset, has }
}

/** Two gates, and perhaps further backends, and a request that is late at the first. */
export async function late(
  further: readonly BackendOptions[] = [],
  route: Partial<Route> = LATE,
  options: Partial<RouterOptions> = {},
) {
  const [a, b] = [await gate(), await gate()]
  const served = await serve([{ url: a.url }, { url: b.url }, ...further], route, options)
  const leaving = new AbortController()
  const answer = post(served.url, search, { signal: leaving.signal })
  answer.catch(() => {})
  await a.has()
  served.clock.advance(300)
  await b.has()
  return { a, b, answer, leaving, ...served }
}

export const FROM_A = '{"clip":"[1]"}'

export const FROM_B = '{"clip":"[2]"}'

export const search = immichBody('textSearch', 'cat')
