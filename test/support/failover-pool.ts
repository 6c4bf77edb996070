import type { RouterOptions } from '@immich-ml-router/core'
import {
  imageBytes,
  immichBody,
  type StubMlServer,
  type StubMlServerOptions,
} from '@immich-ml-router/core/testing'
import { serveRouter } from './router-server.ts'
import { stubMl } from './servers.ts'

/** A router over stand-ins a, b, c, … in that order. What it knows of them it has from requests alone. */
export async function pool(servers: StubMlServerOptions[], options: Partial<RouterOptions> = {}) {
  const stubs: Record<string, StubMlServer> = {}
  for (const [i, server] of servers.entries()) stubs['abcdef'[i] ?? ''] = await stubMl(server)
  const backends = Object.fromEntries(Object.entries(stubs).map(([name, { url }]) => [name, { url }]))
  const routes = [{ backends: Object.keys(options.backends ?? backends), strategy: 'first' as const }]
  const served = await serveRouter({ backends, routes, health: false, heartbeat: false, ...options })
  const { router, url, requests: events } = served
  const inFlight = () => router.status().backends.map((backend) => backend.inFlight)
  return { stubs, router, url, events, inFlight }
}

export const started = (stubs: Record<string, StubMlServer>) =>
  Object.values(stubs).map((stub) => stub.started)

export const image = immichBody('indexing', imageBytes(500_000))
