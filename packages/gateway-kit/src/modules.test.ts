import { createRouter } from '@immich-ml-router/core'
import { managePower } from '@immich-ml-router/core/power'
import { splitRequests } from '@immich-ml-router/core/split'
import { pino } from 'pino'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ImmichPart } from './immich-part.ts'
import { attachModules } from './modules.ts'

vi.mock('@immich-ml-router/core/power', () => ({ managePower: vi.fn() }))
vi.mock('@immich-ml-router/core/split', () => ({ splitRequests: vi.fn() }))

const FILE = '/spool/recycle.json'
const sharedParts = () => ({
  immich: new ImmichPart(pino({ enabled: false }), () => {}),
  recycleFile: FILE,
})

it('attaches a module once a reload uses it, and only once', async () => {
  const backends = { gpu: { url: 'http://gpu:3003' } }
  const router = createRouter({ backends })
  onTestFinished(() => router.close())
  const shared = sharedParts()
  await attachModules(router, shared)
  router.reload({ backends })
  expect(managePower).not.toHaveBeenCalled()
  const suspend = { url: 'http://gpu:9000/suspend' }
  router.reload({ backends: { gpu: { ...backends.gpu, suspend } } })
  await vi.waitFor(() =>
    expect(managePower).toHaveBeenCalledWith(router, { isExpected: shared.immich.isExpected, file: FILE }),
  )
  router.reload({ backends: { gpu: { ...backends.gpu, suspend: { ...suspend, afterIdle: '1h' } } } })
  await attachModules(createRouter({ backends }), shared)
  expect(managePower).toHaveBeenCalledTimes(1)
})

it('attaches each module whose option is set, also where it can do nothing', async () => {
  const backends = { gpu: { url: 'http://gpu:3003', keepWarm: '4m' } }
  const router = createRouter({ backends, agreement: 'exclude', canary: false })
  onTestFinished(() => router.close())
  await attachModules(router, sharedParts())
  expect(router.modules.unserved()).toEqual([])
})

it('splits requests once a backend restricts its tasks', async () => {
  const gpu = { url: 'http://gpu:3003' }
  const router = createRouter({ backends: { gpu } })
  onTestFinished(() => router.close())
  await attachModules(router, sharedParts())
  expect(splitRequests).not.toHaveBeenCalled()
  router.reload({ backends: { gpu, nas: { url: 'http://nas:3003', tasks: ['ocr'] } } })
  await vi.waitFor(() => expect(splitRequests).toHaveBeenCalledExactlyOnceWith(router))
})
