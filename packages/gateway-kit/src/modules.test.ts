import { createRouter } from '@immich-ml-router/core'
import { managePower } from '@immich-ml-router/core/power'
import { expect, it, onTestFinished, vi } from 'vitest'
import { attachModules } from './modules.ts'

vi.mock('@immich-ml-router/core/power', () => ({ managePower: vi.fn() }))

it('attaches a module once a reload uses it, and only once', async () => {
  const backends = { gpu: { url: 'http://gpu:3003' } }
  const router = createRouter({ backends })
  onTestFinished(() => router.close())
  await attachModules(router)
  router.reload({ backends })
  expect(managePower).not.toHaveBeenCalled()
  const suspend = { url: 'http://gpu:9000/suspend' }
  router.reload({ backends: { gpu: { ...backends.gpu, suspend } } })
  await vi.waitFor(() => expect(managePower).toHaveBeenCalledWith(router))
  router.reload({ backends: { gpu: { ...backends.gpu, suspend: { ...suspend, afterIdle: '1h' } } } })
  await attachModules(createRouter({ backends }))
  expect(managePower).toHaveBeenCalledTimes(1)
})
