import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/status-page'
import { onTestFinished } from 'vitest'
import { closeBrowserAfterAll } from './browser.ts'
import { post } from './client.ts'
import { listen, stubMl, until } from './servers.ts'
import { itNeeds } from './tools.ts'

export const it = itNeeds('chromium')

closeBrowserAfterAll()

export const search = immichBody('textSearch', 'cat')

const ocr = immichBody('ocr', imageBytes(1_000))

export const TOKEN = 'open-sesame'

export async function serve(options: RouterOptions, pageOptions: StatusPageOptions = {}) {
  const router = createRouter({ heartbeat: false, hold: false, ...options })
  const page = statusPage(router, pageOptions)
  onTestFinished(() => router.close({ timeout: 0 }))
  const { url, server } = await listen((req, res) => page(req, res, () => router.handle(req, res)))
  return { router, url, server, address: `${url}/_router` }
}

/** A GPU machine that is down, with two OCR requests held for it, and a NAS that gets its searches. */
export async function scene(pageOptions: StatusPageOptions = {}) {
  const [gpu, nas] = [await stubMl({ fault: 'refuse' }), await stubMl()]
  const served = await serve(
    {
      health: { interval: '100ms' },
      backends: { gpu: { url: gpu.url, maxConcurrent: 4 }, nas: { url: nas.url, maxConcurrent: 2 } },
      routes: [
        { name: 'search', match: { task: 'clip' }, backends: ['gpu', 'nas'], strategy: 'first' },
        { name: 'the rest', backends: ['gpu'], hold: '12h' },
      ],
    },
    pageOptions,
  )
  const { url, router } = served
  await post(url, search)
  await until(() => router.status().backends[0]?.health.probe?.kind === 'down', 'it is down')
  for (let i = 0; i < 3; i++) await post(url, search)
  const leaving = new AbortController()
  const held = [post(url, ocr, { signal: leaving.signal }), post(url, ocr, { signal: leaving.signal })]
  for (const request of held) request.catch(() => {})
  onTestFinished(() => leaving.abort())
  await until(() => router.status().held['the rest'] === 2, 'both wait')
  return { ...served, gpu, nas }
}
