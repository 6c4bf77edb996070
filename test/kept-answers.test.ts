import { gzipSync } from 'node:zlib'
import { GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, until } from './support/servers.ts'

const search = immichBody('textSearch', 'cat')
const JSON_TYPE = { 'content-type': 'application/json' }

async function backendThatAnswers(headers: Record<string, string>, body: string | Buffer): Promise<string> {
  const { url } = await listen((req, res) => {
    req.resume().on('end', () => res.writeHead(200, headers).end(req.url === '/predict' ? body : 'pong'))
  })
  return url
}

describe.each([
  ['answerMemory', { answerMemory: 1 }],
  ['totalBodyMemory', { bodyMemory: 1, totalBodyMemory: 1 }],
])('an answer for which %s has no room', (_, options) => {
  it.each([
    ['with a content type', JSON_TYPE, GOOD_ANSWER],
    ['without a content type', {}, GOOD_ANSWER],
    ['with gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync(GOOD_ANSWER)],
  ])('is judged by its beginning, and passed on whole where that is good: %s', async (_, headers, body) => {
    const backend = await backendThatAnswers(headers, body)
    const { router, url } = await serveRouter({
      backends: { gpu: { url: backend } },
      health: false,
      ...options,
    })
    const answer = await post(url, search)
    expect([answer.status, answer.body.toString('latin1')]).toEqual([200, body.toString('latin1')])
    expect(router.status().backends[0]?.health.lastError).toBeUndefined()
  })

  it('is passed over where its beginning is a page', async () => {
    const backend = await backendThatAnswers({ 'content-type': 'text/html' }, '<html>Log in</html>')
    const { url } = await serveRouter({ backends: { gpu: { url: backend } }, health: false, ...options })
    const answer = await post(url, search)
    expect([answer.status, answer.body.toString()]).toEqual([502, expect.stringContaining('with a page')])
  })
})

it('an answer that waits for a second opinion counts in totalBodyMemory until the request is over', async () => {
  const error = Buffer.from(JSON.stringify({ detail: 'x'.repeat(200_000) }))
  const failing = await listen((req, res) => {
    req.resume().on('end', () => res.writeHead(500, JSON_TYPE).end(error))
  })
  let finish: (() => void) | undefined
  const slow = await listen((req, res) => {
    finish = () => void res.writeHead(500, JSON_TYPE).end(error)
    req.resume()
  })
  const { router, url } = await serveRouter({
    backends: { failing: { url: failing.url }, slow: { url: slow.url } },
    routes: [{ backends: ['failing', 'slow'], strategy: 'first' }],
    health: false,
  })
  const waiting = post(url, search)
  await until(() => finish !== undefined, 'the second is asked')
  expect(router.status().bodies.memory).toBeGreaterThanOrEqual(error.length)
  finish?.()
  expect((await waiting).body.equals(error)).toBe(true)
  await until(() => router.status().bodies.memory === 0, 'nothing is kept')
})
