import type { RouterOptions } from '@immich-ml-router/core'
import { immichForm } from '@immich-ml-router/core/testing'
import { serveRouter } from './router-server.ts'
import { stubMl } from './servers.ts'

/** Backends of two households and of all others, with the routes of a test. */
export async function households(routes: RouterOptions['routes'], more: Partial<RouterOptions> = {}) {
  const stubs = { family: await stubMl(), office: await stubMl(), rest: await stubMl() }
  const served = await serveRouter({
    backends: {
      family: { url: stubs.family.url },
      office: { url: stubs.office.url },
      rest: { url: stubs.rest.url },
    },
    ...(routes && { routes }),
    health: false,
    ...more,
  })
  /** Searches with undici's fetch and FormData. @returns The backend that answered. */
  const search = async (path = '/predict', headers: Record<string, string> = {}) => {
    const body = immichForm('textSearch', 'cat')
    const response = await fetch(served.url + path, { method: 'POST', body, headers })
    await response.text()
    return response.headers.get('x-immich-ml-backend') ?? response.status
  }
  return { ...served, stubs, search }
}
