import { describe, expect, it } from 'vitest'
import { keysOf } from '../../../../test/support/job-keys.ts'
import { answered, failed, passedOver } from '../../../../test/support/outcomes.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Backend } from './backend.ts'
import type { BackendSettings } from './backend-settings.ts'

const IMAGE = keysOf('clip/visual')

function start(settings: Partial<BackendSettings> = {}) {
  const clock = new FakeClock()
  let reliefs = 0
  const backend = new Backend('gpu', {
    url: 'http://user:secret@gpu:3003/ml/',
    weight: 1,
    clock,
    onRelief: () => reliefs++,
    ...settings,
  })
  return { clock, backend, reliefs: () => reliefs }
}

describe('a backend', () => {
  it('has its credentials only in its target', () => {
    const { backend } = start()
    expect([backend.url, backend.id]).toEqual(['http://gpu:3003/ml', 'gpu@http://gpu:3003/ml'])
    expect(backend.target.url.href).toBe('http://gpu:3003/ml/predict')
    expect(backend.target.headers()).toEqual({
      authorization: `Basic ${Buffer.from('user:secret').toString('base64')}`,
    })
    expect(Object.keys(backend)).not.toContain('target')
  })

  it('counts a slot once, however often it is released', () => {
    const { backend, reliefs } = start({ maxConcurrent: 1 })
    const { release } = backend.reserve(IMAGE, 'image')
    expect([backend.inFlight, backend.health.obstacle(IMAGE)?.kind]).toEqual([1, 'full'])
    release()
    release()
    expect([backend.inFlight, backend.health.obstacle(IMAGE), reliefs()]).toEqual([0, undefined, 1])
  })

  it('learns latencies from good answers, without the time it waited for the client', () => {
    const { clock, backend } = start()
    const { release } = backend.reserve(IMAGE, 'image')
    clock.shift(100)
    release({ ...answered, starvedFor: 60 })
    expect(backend.latency.all).toEqual({ image: 40 })
  })

  it('is slower after a failure, and has no peak while it is ejected', () => {
    const { backend } = start()
    const fail = () => backend.reserve(IMAGE, 'image').release(failed('connect'))
    fail()
    expect(backend.latency.expected('image')).toBe(1_000)
    for (let i = 0; i < 5; i++) fail()
    expect([backend.health.obstacle(IMAGE)?.kind, backend.latency.expected('image')]).toEqual([
      'ejected',
      undefined,
    ])
  })

  it('does not end a trial when an earlier outcome is decided', () => {
    const { clock, backend } = start()
    for (let i = 0; i < 3; i++) backend.reserve(IMAGE, 'image').release(passedOver(503))
    clock.advance(6_000)
    const first = backend.reserve(IMAGE, 'image')
    first.release(passedOver(500))
    clock.advance(12_000)
    expect([first.trial, backend.reserve(IMAGE, 'image').trial]).toEqual([true, true])
    first.decide(false)
    expect(backend.health.status.tasks['clip/visual']?.kind).toBe('trial')
  })

  it('blames an undecided outcome on the backend once that is decided', () => {
    const { backend } = start()
    const { release, decide } = backend.reserve(IMAGE, 'image')
    release(passedOver(500))
    expect(backend.health.failures).toBe(0)
    decide(true)
    decide(true)
    expect([backend.health.failures, backend.latency.expected('image')]).toEqual([1, 1_000])
  })

  it('keeps its state when it is configured', () => {
    const { backend } = start({ maxConcurrent: 2 })
    backend.reserve()
    backend.configure({ url: 'http://gpu:3003/ml', weight: 3, tier: 2, maxConcurrent: 1, tasks: ['ocr'] })
    expect([backend.weight, backend.tier, backend.inFlight, backend.limit.current]).toEqual([3, 2, 1, 1])
    expect([backend.serves(['ocr']), backend.serves(['clip']), backend.serves([])]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('gets nothing while its name has no address, and says why', () => {
    const { backend } = start({ missingAddress: () => ({ kind: 'unresolved', words: 'gpu has no address' }) })
    expect(backend.health.obstacle(IMAGE)?.kind).toBe('unresolved')
    expect([backend.health.unresolved, backend.health.isDown]).toEqual(['gpu has no address', true])
  })
})
