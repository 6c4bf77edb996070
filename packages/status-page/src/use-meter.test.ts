import { createRouter, type RouterStatus } from '@immich-ml-router/core'
import { expect, it, onTestFinished } from 'vitest'
import { backendStatus } from '../../../test/support/backend-status.ts'
import { UseMeter } from './use-meter.ts'

type Backends = RouterStatus['backends']

function meterOf(backends: Backends) {
  const router = createRouter({ backends: { gpu: { url: 'http://127.0.0.1:9' } }, health: false })
  onTestFinished(() => router.close({ timeout: 0 }))
  const status = router.status()
  const meter = new UseMeter({ ...status, now: 1_000, backends })
  return (now: number, next: Backends) => meter.read({ ...status, now, backends: next })
}

const gpu = (busy: number, load: number, rest: Partial<Backends[number]> = {}) =>
  backendStatus('gpu', { limit: 4, use: { busy, load }, ...rest })

it('reads the use between two statuses', () => {
  const read = meterOf([gpu(100, 50)])
  expect(read(2_000, [gpu(700, 250)])).toEqual({
    from: 1_000,
    time: 1_000,
    backends: new Map([['gpu', { busy: 600, load: 200, limit: 4 }]]),
  })
  expect(read(2_500, [gpu(700, 250, { limit: undefined })])).toEqual({
    from: 2_000,
    time: 500,
    backends: new Map([['gpu', { busy: 0, load: 0, limit: undefined }]]),
  })
})

it('takes the mean of the endpoints of a backend, and the sum of their limits', () => {
  const [one, two] = [{ endpoint: '10.0.0.1:3003' }, { endpoint: '10.0.0.2:3003' }]
  const read = meterOf([gpu(0, 0, one)])
  const { backends } = read(2_000, [gpu(1_000, 500, one), gpu(500, 100, two)])
  expect(backends.get('gpu')).toEqual({ busy: 750, load: 300, limit: 8 })
})

it('begins at 0 for a backend that was removed and added again', () => {
  const read = meterOf([gpu(900, 400)])
  expect(read(2_000, [gpu(100, 50)]).backends.get('gpu')).toEqual({ busy: 100, load: 50, limit: 4 })
})
