import { splitRequests } from '@immich-ml-router/core/split'
import { imageBytes, immichForm } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import type { Steps } from './adapters/adapter.ts'
import { adapters } from './adapters/all.ts'
import { post } from './support/client.ts'
import { listen } from './support/servers.ts'
import { CLIP_AND_FACES, splitBackends, splitStubs, twoTasks } from './support/split-pool.ts'

describe.each(adapters)('$name', (adapter) => {
  it('splits a request by task', async () => {
    const stubs = await splitStubs()
    const { listener, router } = adapter.mount({ backends: splitBackends(stubs) })
    splitRequests(router)
    const { url } = await listen(listener)
    const form = immichForm(CLIP_AND_FACES, imageBytes(500_000))
    const response = await fetch(`${url}/predict`, { method: 'POST', body: form })
    expect([response.status, response.headers.get('x-immich-ml-backend')]).toEqual([200, 'gpu, nas'])
    expect(Object.keys(Object(await response.json()))).toEqual([
      ...Object.keys(CLIP_AND_FACES),
      'imageHeight',
      'imageWidth',
    ])
    await stubs.nas.setFault({ kind: 'status', status: 422, detail: 'no' })
    expect((await post(url, twoTasks())).status).toBe(422)
    await router.drain('gpu')
    expect((await post(url, twoTasks())).status).toBe(503)
    await router.close()
  })

  it.runIf(adapter.prefixes === true)('splits a request below a prefix', async () => {
    const stubs = await splitStubs()
    const routes = [
      { match: { path: '/ml/predict', task: 'clip' }, backends: ['gpu'] },
      { match: { path: '/ml/*' }, backends: ['nas'] },
      { backends: ['gpu'] },
    ]
    const { listener, router } = adapter.mount({ backends: splitBackends(stubs), routes }, { prefix: '/ml' })
    splitRequests(router)
    const { url } = await listen(listener)
    expect((await post(url, twoTasks(), { path: '/ml/predict' })).headers['x-immich-ml-backend']).toBe(
      'gpu, nas',
    )
    await router.close()
  })

  it.each<Steps['count']>([1, 2, 3])('splits a request in %i steps of a router', async (count) => {
    const stubs = await splitStubs()
    let selected = 0
    const afterSelect = async () => void selected++
    const { listener, router } = adapter.steps({ backends: splitBackends(stubs) }, { count, afterSelect })
    splitRequests(router)
    const { url } = await listen(listener)
    const { status, headers } = await post(url, twoTasks())
    expect([status, headers['x-immich-ml-backend'], selected]).toEqual([200, 'gpu, nas', count === 1 ? 1 : 0])
    expect(router.status().active).toBe(0)
    await router.close()
  })
})
