import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { failed, passedOver } from '../../../../test/support/outcomes.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { assess, isAnyFull, isProven, isUnreachable, isUsable } from './assess.ts'

const image = classified('image', 'clip/visual/m')

function start() {
  const clock = new FakeClock()
  const { pool, table } = new PolicyRuntime(
    { backends: { gpu: { url: 'http://gpu', maxConcurrent: 1, tasks: ['clip'] } }, health: false },
    { clock },
  )
  const [gpu] = pool.members
  if (gpu === undefined) throw new TypeError('no backend')
  const group = pool.group('gpu')
  return { clock, gpu, group, request: table.decide(image, {}).request, table }
}

describe('a backend of the route', () => {
  it('is a candidate, also while it is full', () => {
    const { gpu, request } = start()
    expect([assess(request, gpu).state, isAnyFull(request)]).toEqual(['candidate', false])
    gpu.reserve()
    expect(assess(request, gpu)).toMatchObject({ state: 'candidate', obstacle: { kind: 'full' } })
    expect(isAnyFull(request)).toBe(true)
  })

  it('lacks a task that it does not serve', () => {
    const { gpu, table } = start()
    const { request } = table.decide(classified('image', 'ocr/detection'), {})
    expect(assess(request, gpu).state).toBe('lacks-task')
  })

  it('is excluded by name or id', () => {
    const { gpu, request } = start()
    for (const name of ['gpu', gpu.id])
      expect(assess({ ...request, exclude: new Set([name]) }, gpu).state).toBe('excluded')
  })

  it('is unavailable while it is drained, and is not used then', async () => {
    const { gpu, group, request } = start()
    await group.drain()
    const assessment = assess(request, gpu)
    expect([assessment.state, isUsable(assessment)]).toEqual(['unavailable', false])
  })

  it('is not proven for a while after a failure', () => {
    const { clock, gpu } = start()
    expect(isProven(gpu)).toBe(true)
    gpu.reserve().release(passedOver(503))
    expect(isProven(gpu)).toBe(false)
    clock.advance(60_000)
    expect(isProven(gpu)).toBe(true)
  })

  it('is unreachable for a request that arrived before a connection failed', () => {
    const { clock, gpu, request } = start()
    clock.advance(1)
    for (let i = 0; i < 3; i++) gpu.reserve().release(failed('connect'))
    expect([isUnreachable(request, gpu), isUnreachable({ ...request, retry: true }, gpu)]).toEqual([
      true,
      false,
    ])
  })
})
