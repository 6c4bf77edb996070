import type { RouterOptions } from '@immich-ml-router/core'
import {
  imageBytes,
  immichBody,
  type StubMlServer,
  type StubMlServerOptions,
} from '@immich-ml-router/core/testing'
import { serveRouter } from './router-server.ts'
import { stubMl } from './servers.ts'

/** A router over stand-ins a, b, c, … in that order, on a route that lets requests wait. */
export async function pool(
  servers: StubMlServerOptions[],
  options: Partial<RouterOptions> = {},
  hold: string = '12h',
) {
  const stubs: StubMlServer[] = []
  for (const server of servers) stubs.push(await stubMl(server))
  const backends = Object.fromEntries(stubs.map(({ url }, i) => ['abcdef'[i] ?? '', { url }]))
  const { router, url } = await serveRouter({
    backends,
    routes: [{ name: 'all', backends: Object.keys(backends), strategy: 'first', hold }],
    ...options,
  })
  const held = () => router.status().held['all'] ?? 0
  const [only] = stubs
  if (only === undefined) throw new Error('there is no backend')
  return { stubs, only, router, url, held }
}

export const search = immichBody('textSearch', 'cat')

/** Its job is known before it has arrived, unlike that of a search. */
export const slowBody = immichBody('indexing', imageBytes(100))
