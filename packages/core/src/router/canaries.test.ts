import { describe, expect, it } from 'vitest'
import { canaryPool, FAILED, IMAGE } from '../../../../test/support/canary-pool.ts'
import { unclassified } from '../classify/classification.ts'

describe('a canary', () => {
  it('blames a backend only for entries that some backend has answered well', async () => {
    const { canaries, backend } = canaryPool()
    expect(await canaries.check(backend, IMAGE, {}).result).toEqual({ ...FAILED, scope: 'entries' })
    canaries.answeredWell(IMAGE, () => undefined)
    expect(await canaries.check(backend, IMAGE, {}).result).toEqual(FAILED)
  })

  it('is not sent when they are off, for an unknown job, or for one without a payload', async () => {
    const off = canaryPool({ canary: false })
    expect(await off.canaries.check(off.backend, IMAGE, {}).result).toEqual({ kind: 'unknown' })
    const { canaries, backend, sent } = canaryPool()
    expect(await canaries.check(backend, unclassified('no-entries'), {}).result).toEqual({ kind: 'unknown' })
    expect(await canaries.check(backend, { ...IMAGE, input: undefined }, {}).result).toEqual({
      kind: 'unknown',
    })
    expect([off.sent, sent]).toEqual([[], []])
  })

  it('repeats a sample, which is asked for once a minute', async () => {
    const { clock, canaries, backend, sent } = canaryPool()
    let asked = 0
    const sample = () => {
      asked++
      return undefined
    }
    canaries.answeredWell(IMAGE, sample)
    canaries.answeredWell(IMAGE, () => ({ body: Buffer.from('x'), contentType: 'text/plain' }))
    canaries.answeredWell(IMAGE, sample)
    expect(asked).toBe(1)
    clock.advance(60_000)
    canaries.answeredWell(IMAGE, sample)
    expect(asked).toBe(2)
    await canaries.check(backend, IMAGE, {}).result
    // Without a job done there lately, it may have to load the model.
    expect(sent[0]).toBe(120_000)
  })
})
