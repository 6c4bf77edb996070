import { expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Backend, latestVersion } from './backend.ts'

const settings = { url: 'http://gpu', weight: 1, maxConcurrent: 2 }

it.each<[string, (gpu: Backend) => void]>([
  ['begins', (gpu) => gpu.reserve()],
  ['changes its weight', (gpu) => gpu.rate(2, 1)],
  ['is drained', (gpu) => gpu.drain()],
  ['has other settings', (gpu) => gpu.adapt({ ...settings, maxConcurrent: 1 })],
])('a server has another version than any before when something %s', (_, change) => {
  const gpu = new Backend('gpu', { ...settings, clock: new FakeClock() })
  const before = latestVersion()
  expect(gpu.version).toBe(before)
  change(gpu)
  expect(gpu.version).toBeGreaterThan(before)
  expect(gpu.version).toBe(latestVersion())
})

it('a server has another version once a request there is over, and the same as time passes', () => {
  const clock = new FakeClock()
  const gpu = new Backend('gpu', { ...settings, clock })
  const { release } = gpu.reserve()
  const running = gpu.version
  clock.advance(1_000)
  expect(gpu.version).toBe(running)
  release()
  expect(gpu.version).toBeGreaterThan(running)
})
