/**
 * Prints which functions of core one text search runs through, as JSON: an Express gateway on real sockets, warmed up, with one
 * backend. Run in a process of its own, since it counts every call.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { Session } from 'node:inspector/promises'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { CONTENT_TYPE, GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { immichMlRouter } from '@immich-ml-router/express'
import type Express from 'express'

/** A function that ran, by name and by file below `packages/core/src`. */
export interface WalkedFunction {
  readonly file: string
  readonly name: string
}

const CORE = '/packages/core/src/'
/** What V8 makes of field initialisers; they belong to the constructor. */
const INITIALISER = /^<(?:instance|static)_.*initializer>$/
/** An arrow function; one that is not assigned to a name counts with the function around it. */
const ARROW = /^(?:async\s+)?(?:\(|[\w$]+\s*=>)/
const ASSIGNED = /=\s*$/
/** A getter or setter with a single statement that returns or assigns. */
const TRIVIAL_ACCESSOR = /^(?:get|set)\s[^{]*\{\s*[^\n]*\n?\s*\}$/

const express: typeof Express = createRequire(import.meta.url)('express5')

const listen = async (listener: http.RequestListener) => {
  const server = http.createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const backend = await listen((req, res) => {
  req.resume().on('end', () => res.setHeader('content-type', 'application/json').end(GOOD_ANSWER))
})
const middleware = immichMlRouter({
  backends: { ml: { url: backend.url } },
  transport: 'direct',
  health: false,
})
const gateway = await listen(express().use(middleware))
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const body = immichBody('textSearch', 'a red boat')

async function search(): Promise<void> {
  const req = http.request(`${gateway.url}/predict`, {
    method: 'POST',
    agent,
    headers: { 'content-type': CONTENT_TYPE, 'content-length': body.length },
  })
  req.end(body)
  const [res] = (await once(req, 'response')) as [http.IncomingMessage]
  await res.toArray()
  if (res.statusCode !== 200) throw new Error(`the gateway answered ${res.statusCode}`)
  // The router is done with a request a few turns after its client.
  await new Promise((resolve) => setTimeout(resolve, 50))
}

for (let i = 0; i < 20; i++) await search()
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

/** The functions that ran since the last call. */
async function takeWalk(): Promise<WalkedFunction[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  return result
    .filter(({ url }) => url.includes(CORE))
    .flatMap(({ url, functions }) => {
      const source = readFileSync(fileURLToPath(url), 'utf8')
      const file = url.slice(url.indexOf(CORE) + CORE.length)
      return functions.flatMap(({ functionName: name, ranges }) => {
        const [range] = ranges
        if (range === undefined || range.count === 0 || name === '' || INITIALISER.test(name)) return []
        const text = source.slice(range.startOffset, range.endOffset)
        const isInline = ARROW.test(text) && !ASSIGNED.test(source.slice(0, range.startOffset))
        return isInline || TRIVIAL_ACCESSOR.test(text) ? [] : [{ file, name }]
      })
    })
}

// What does not run for every request, such as the learning of a limit, depends on timing. So the smallest walk counts.
await search()
await takeWalk()
let walked: WalkedFunction[] | undefined
for (let i = 0; i < 10; i++) {
  await search()
  const next = new Map((await takeWalk()).map((it) => [`${it.file} ${it.name}`, it]))
  walked = (walked ?? [...next.values()]).filter((it) => next.has(`${it.file} ${it.name}`))
}
process.stdout.write(JSON.stringify(walked))

agent.destroy()
await middleware.router.close({ timeout: 0 })
backend.server.close()
gateway.server.close()
