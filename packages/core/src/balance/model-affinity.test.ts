import { describe, expect, it } from 'vitest'
import { pick } from '../../../../test/support/pick.ts'
import { Backend } from '../backend/backend.ts'
import { modelAffinity } from './model-affinity.ts'

const backendsOf = (weights: readonly number[]) =>
  weights.map((weight, i) => new Backend(`server-${i}`, { url: 'http://x', weight }))
const jobOf = (models: string) => ({ kind: '', models, queued: 0, urgent: false, sinceLast: 0 })
const MODELS = Array.from({ length: 150 }, (_, i) => `clip/model-${i}`)

/** Where each model goes while nothing else is in flight. */
function placesOf(backends: readonly Backend[]): Map<string, Backend> {
  const strategy = modelAffinity()
  return new Map(MODELS.map((models) => [models, pick(strategy, backends, jobOf(models))]))
}

describe('model-affinity', () => {
  it('sends a model to the same backend again and again, whatever comes between', () => {
    const backends = backendsOf([1, 1, 1, 1])
    const strategy = modelAffinity()
    const first = MODELS.map((models) => pick(strategy, backends, jobOf(models)).name)
    const again = MODELS.map((models) => pick(strategy, backends, jobOf(models)).name)
    expect(again).toEqual(first)
    expect(new Set(first).size).toBe(4)
  })

  it('moves about one model in N when one of N is gone, and none that was elsewhere', () => {
    const backends = backendsOf(Array(8).fill(1))
    const before = placesOf(backends)
    const [gone, ...left] = backends
    const after = placesOf(left)
    const moved = MODELS.filter((models) => before.get(models) !== after.get(models))
    expect(moved.every((models) => before.get(models) === gone)).toBe(true)
    expect(moved.length / MODELS.length).toBeGreaterThan(1 / 16)
    expect(moved.length / MODELS.length).toBeLessThan(1 / 5)
  })

  it('gives each its share by weight', () => {
    const places = [...placesOf(backendsOf([1, 3])).values()]
    const share = places.filter(({ weight }) => weight === 3).length / places.length
    expect(share).toBeGreaterThan(0.65)
    expect(share).toBeLessThan(0.85)
  })

  it('lets none have more than a quarter above its share of what is in flight', () => {
    const backends = backendsOf([1, 1, 1, 1])
    const strategy = modelAffinity()
    for (let i = 1; i <= 100; i++) {
      pick(strategy, backends, jobOf('clip/one')).reserve()
      const most = Math.max(...backends.map(({ inFlight }) => inFlight))
      expect(most).toBeLessThanOrEqual(Math.ceil((1.25 * i) / 4))
    }
  })
})
