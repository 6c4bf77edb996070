import { createRouter } from '@immich-ml-router/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../../test/support/servers.ts'
import { type StatusPageOptions, statusPage } from './status-page.ts'

function routerOf() {
  const router = createRouter({ backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
  onTestFinished(() => router.close({ timeout: 0 }))
  return router
}

/** Requests to the page return a status and the message of the answer. */
async function serve(options: StatusPageOptions = {}) {
  const page = statusPage(routerOf(), options)
  const { url } = await listen(page)
  return {
    page,
    request: async (path: string, init: RequestInit = {}) => {
      const response = await fetch(url + path, init)
      const text = await response.text()
      return [response.status, text.startsWith('{') ? JSON.parse(text).detail : text.slice(0, 15)]
    },
  }
}

const POST = { method: 'POST' }

describe('the handler', () => {
  it('serves the page, and 404 elsewhere', async () => {
    const { request } = await serve({ basePath: '/status/' })
    expect(await request('/status')).toEqual([200, '<!doctype html>'])
    expect(await request('/status/')).toEqual([200, '<!doctype html>'])
    expect(await request('/status/else')).toEqual([404, 'Not Found'])
    expect(await request('/statuses')).toEqual([404, 'Not Found'])
  })

  it('names the option that an action needs', async () => {
    const { request } = await serve()
    const path = '/_router/backends/gpu/drain'
    expect(await request(path, POST)).toEqual([403, expect.stringContaining('Set ADMIN_TOKEN')])
    expect(await request(path)).toEqual([405, 'Method Not Allowed'])
  })

  it('names the header that an action needs', async () => {
    const { request } = await serve({ adminToken: 'sesame' })
    const post = (path: string, authorization: string) =>
      request(`/_router/backends/${path}`, { ...POST, headers: { authorization } })
    expect(await post('gpu/drain', 'Bearer guess')).toEqual([
      401,
      'The admin token is missing or wrong. Send it as "Authorization: Bearer <token>".',
    ])
    expect(await post('gpu/drain', 'Bearer sesame')).toEqual([204, ''])
    expect(await post('nas/drain', 'Bearer sesame')).toEqual([404, expect.stringContaining('nas')])
  })

  it('serves the page but no events after close()', async () => {
    const { page, request } = await serve()
    page.close()
    expect(await request('/_router/events')).toEqual([503, 'The status page is closed.'])
    expect(await request('/_router/status.json')).toEqual([503, 'The status page is closed.'])
    expect((await request('/_router'))[0]).toBe(200)
  })
})

it.each([
  [{ adminToken: '' }, 'adminToken must have at least 1 character and no white space.'],
  [{ adminToken: 'two words' }, 'adminToken must have at least 1 character and no white space.'],
  [{ basePath: 'status' }, 'basePath must start with "/", not "status".'],
  [{ hosts: ['http://gpu'] }, /^hosts has "http:\/\/gpu", which is not a host name/],
])('rejects %j', (options, message) => {
  expect(() => statusPage(routerOf(), options)).toThrow(message)
})
