import { createRouter } from '@immich-ml-router/core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { act, isAction } from './actions.ts'

function routerOf() {
  const onUnavailable = vi.fn()
  const router = createRouter({
    backends: { gpu: { url: 'http://127.0.0.1:9' } },
    health: false,
    onUnavailable,
  })
  onTestFinished(() => router.close({ timeout: 0 }))
  return { router, onUnavailable, isEnabled: () => router.status().backends[0]?.health.enabled }
}

it('knows three actions', () => {
  expect(['drain', 'enable', 'wake', 'close', 'toString', ''].filter(isAction)).toEqual([
    'drain',
    'enable',
    'wake',
  ])
})

it('drains, enables and wakes a backend', async () => {
  const { router, onUnavailable, isEnabled } = routerOf()
  await act(router, 'gpu', 'drain')
  expect(isEnabled()).toBe(false)
  await act(router, 'gpu', 'enable')
  expect(isEnabled()).toBe(true)
  await act(router, 'gpu', 'wake')
  expect(onUnavailable).toHaveBeenCalledOnce()
})

it.each(['drain', 'enable', 'wake'] as const)('rejects %s of an unknown backend', async (action) => {
  await expect(act(routerOf().router, 'nas', action)).rejects.toThrow(RangeError)
})
