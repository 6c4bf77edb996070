import { describe, expect, it, vi } from 'vitest'
import { post } from './support/client.ts'
import { search, serve } from './support/served-page.ts'
import { stubMl, until } from './support/servers.ts'

const TOKEN = 'open-sesame'

const authorized = { authorization: `Bearer ${TOKEN}` }

describe('actions', () => {
  const actions = ['drain', 'enable', 'wake'] as const

  it.each(actions)('reject %s without an admin token', async (action) => {
    const { act, router } = await serve()
    for (const headers of [{}, authorized, { authorization: 'Bearer undefined' }])
      expect((await act(`gpu/${action}`, headers)).status).toBe(403)
    expect(router.status().backends[0]?.health.enabled).toBe(true)
  })

  it.each(
    [
      '',
      'Bearer',
      'Bearer ',
      'Bearer wrong',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
      TOKEN,
      `Bearer x ${TOKEN}`,
    ].flatMap((authorization) => actions.map((action) => ({ authorization, action }))),
  )('are rejected with %j', async ({ authorization, action }) => {
    const { act, router } = await serve({}, { adminToken: TOKEN })
    const response = await act(`gpu/${action}`, { authorization })
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(router.status().backends[0]?.health.enabled).toBe(true)
  })

  it('drain and enable a backend, which viewers see at once', async () => {
    const { act, look, url } = await serve({}, { adminToken: TOKEN })
    const viewer = await look()
    expect((await viewer.next(() => true, 'it gets a report')).actions).toBe(true)
    expect((await act('gpu/drain', authorized)).status).toBe(204)
    await viewer.next(({ backends }) => backends[0]?.health.state === 'drained', 'it is drained')
    expect((await post(url, search)).status).toBe(503)
    expect((await act('gpu/enable', { authorization: `bearer  ${TOKEN}` })).status).toBe(204)
    await viewer.next(
      ({ whole, backends }) => !whole && backends[0]?.health.state === 'healthy',
      'it is back',
    )
    expect((await post(url, search)).status).toBe(200)
  })

  it('do not wait for requests in flight when draining', async () => {
    const slow = await stubMl({ fault: 'hang' })
    const { act, url, router } = await serve({ backends: { slow: { url: slow.url } } }, { adminToken: TOKEN })
    const running = new AbortController()
    const request = post(url, search, { signal: running.signal }).catch(() => {})
    await until(() => slow.started === 1, 'it runs')
    expect((await act('slow/drain', authorized)).status).toBe(204)
    expect(router.status().backends[0]?.inFlight).toBe(1)
    running.abort()
    await request
  })

  it('wake a machine', async () => {
    const woken: string[] = []
    const { act } = await serve({ onUnavailable: ({ name }) => woken.push(name) }, { adminToken: TOKEN })
    expect((await act('gpu/wake', authorized)).status).toBe(204)
    expect(woken).toEqual(['gpu'])
  })

  it('report a failed wake-up', async () => {
    const { act, router } = await serve({}, { adminToken: TOKEN })
    vi.spyOn(router, 'wake').mockRejectedValue(new Error('the network is unreachable'))
    const response = await act('gpu/wake', authorized)
    expect([response.status, await response.json()]).toEqual([502, { detail: 'the network is unreachable' }])
  })

  it.each(actions)('reject %s of an unknown backend', async (action) => {
    const { act } = await serve({}, { adminToken: TOKEN })
    for (const name of ['unknown', '__proto__', '..%2f', 'constructor']) {
      const response = await act(`${name}/${action}`, authorized)
      expect(response.status).toBe(404)
    }
  })
})
