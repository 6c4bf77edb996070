import type { RouterOptions } from '@immich-ml-router/core'
import { FakeClock, immichBody } from '@immich-ml-router/core/testing'
import { serveRouter } from './router-server.ts'
import { until } from './servers.ts'

export const search = immichBody('textSearch', 'cat')

/** A router, and how it is told that time has passed. */
export async function serve(options: RouterOptions) {
  const clock = new FakeClock()
  const { router, url, requests, changes } = await serveRouter({ clock, heartbeat: false, ...options })
  const endpoints = () =>
    router.status().backends.flatMap(({ endpoint, leaving }) => (leaving ? [] : (endpoint ?? [])))
  const leaving = () => router.status().backends.filter((backend) => backend.leaving).length
  /** A second later, the router knows so many endpoints, and those that are gone have finished. */
  const rediscovers = async (count: number) => {
    await until(() => endpoints().length > 0, 'there is an endpoint')
    clock.advance(1_000)
    await until(() => endpoints().length === count && leaving() === 0, `there are ${count} endpoints`)
  }
  return { router, clock, url, changes, requests, endpoints, rediscovers }
}
