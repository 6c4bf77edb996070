import type { Policy, RouterOptions } from '@immich-ml-router/core'
import type { StubMlServer } from '@immich-ml-router/core/testing'
import type { AdapterUnderTest, Surroundings } from '../adapters/adapter.ts'
import { listen, stubMl } from './servers.ts'

/** Three servers and the routes of the seed's router1: by the payload part. */
export async function seed(
  adapter: AdapterUnderTest,
  options: Partial<RouterOptions> = {},
  around: Surroundings = {},
) {
  const stubs = { text: await stubMl(), image: await stubMl(), other: await stubMl() }
  const policy: Policy = {
    backends: {
      text: { url: stubs.text.url },
      image: { url: stubs.image.url },
      other: { url: stubs.other.url },
    },
    routes: [
      { match: { input: 'text' }, backends: ['text'] },
      { match: { input: 'image' }, backends: ['image'] },
      { backends: ['other'] },
    ],
  }
  const mounted = adapter.mount({ ...policy, ...options }, around)
  const { url } = await listen(mounted.listener)
  return { stubs, url, policy, ...mounted }
}

export function received(stubs: Record<string, StubMlServer>): Record<string, number> {
  return Object.fromEntries(Object.entries(stubs).map(([name, stub]) => [name, stub.started]))
}
