import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StubMl, type StubOptions } from '@immich-ml-router/example-stub-ml'
import { onTestFinished } from 'vitest'

/** A server on a free port of loopback, closed when the test is over. */
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

/** A stand-in ML server, closed when the test is over. */
export async function stubMl(options: StubOptions = {}): Promise<StubMl> {
  const stub = await StubMl.start(options)
  onTestFinished(() => stub.close())
  return stub
}

/** Waits until something holds, looking again whenever the event loop has turned, and for so many seconds at most. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  seconds = 10,
): Promise<void> {
  const deadline = performance.now() + seconds * 1_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${seconds} s in vain until ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
