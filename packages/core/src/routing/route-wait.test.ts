import { expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { Wait } from './select-options.ts'

it('a queued request that is not ready any more does not keep others of its kind waiting', async () => {
  const policy = { backends: { a: { url: 'http://a', maxConcurrent: 1 } }, health: false as const }
  const select = selectBackend(policy, { clock: new FakeClock() })
  const image = classified('image', 'clip/visual/m')
  const running = await select(image)
  // Ready for want of room in memory, until the body of another is gone.
  let isReady = true
  let wait: Wait | undefined
  const arriving = select(image, {
    isReady: () => isReady,
    onWait: (it) => {
      wait = it
    },
  })
  const whole = select(image)
  isReady = false
  running.release()
  const lease = await whole
  expect(lease.backend.inFlight).toBe(1)
  lease.release()
  isReady = true
  wait?.ready()
  expect((await arriving).backend.name).toBe('a')
})
