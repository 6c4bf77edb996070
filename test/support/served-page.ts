import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { FakeClock, immichBody } from '@immich-ml-router/core/testing'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/status-page'
import { onTestFinished } from 'vitest'
import type { Report } from '../../packages/status-page/src/wire.ts'
import { eventStream } from './event-stream.ts'
import { listen, stubMl } from './servers.ts'

export const search = immichBody('textSearch', 'cat')

/** A router and its page on one server, on a fake clock. */
export async function serve(options: Partial<RouterOptions> = {}, pageOptions: StatusPageOptions = {}) {
  const stub = await stubMl()
  const clock = new FakeClock()
  const router = createRouter({
    clock,
    heartbeat: false,
    hold: false,
    health: false,
    backends: { gpu: { url: stub.url } },
    ...options,
  })
  const page = statusPage(router, { clock, ...pageOptions })
  onTestFinished(async () => {
    await router.close({ timeout: 0 })
  })
  const { url, server } = await listen((req, res) => page(req, res, () => router.handle(req, res)))
  const look = () => eventStream(`${url}/_router/events`, (data): Report => JSON.parse(data))
  const act = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/_router/backends/${path}`, { method: 'POST', headers })
  return { stub, clock, router, page, url, server, look, act }
}
