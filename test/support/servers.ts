import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { StubMlServer, type StubMlServerOptions } from '@immich-ml-router/core/testing'
import { onTestFinished } from 'vitest'

/** Starts a server on a free port of the loopback interface and closes it after the test. */
export async function listen(
  listener: RequestListener | http.Server,
): Promise<{ url: string; server: http.Server }> {
  const server = typeof listener === 'function' ? http.createServer(listener) : listener
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** Starts a stub ML server and closes it after the test. */
export async function stubMl(options: StubMlServerOptions = {}): Promise<StubMlServer> {
  const stub = await StubMlServer.start(options)
  onTestFinished(() => stub.close())
  return stub
}

/** How long `until` checks in every turn of the event loop, and how often after that. */
const BUSY_MS = 20
const POLL_MS = 2

/**
 * Waits until a condition is true, for at most `seconds`. After a few milliseconds it polls: a check in every turn would use the
 * processor that the awaited process needs.
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  seconds = 10,
): Promise<void> {
  const started = performance.now()
  while (!(await holds())) {
    const waited = performance.now() - started
    if (waited > seconds * 1_000) throw new Error(`timed out after ${seconds} s: ${what}`)
    await (waited < BUSY_MS ? setImmediate() : setTimeout(POLL_MS))
  }
}
