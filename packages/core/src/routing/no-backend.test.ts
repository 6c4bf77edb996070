import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { failed, passedOver } from '../../../../test/support/outcomes.ts'
import { unclassified } from '../classify/classification.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'

const ocr = classified('image', 'ocr/detection/m')

function stage(backends: Record<string, Partial<BackendOptions>>, policy: Partial<Policy> = {}) {
  const complete = Object.entries(backends).map(([name, options]) => [
    name,
    { url: `http://${name}`, health: false, ...options },
  ])
  const clock = new FakeClock()
  return { clock, select: selectBackend({ backends: Object.fromEntries(complete), ...policy }, { clock }) }
}

describe('the error when no backend can take a request', () => {
  it('says which task none serves', async () => {
    const { select } = stage({ gpu: { tasks: ['clip'] } })
    await expect(select(ocr)).rejects.toThrow('none of its backends serves ocr')
    await expect(select(unclassified('no-entries'))).rejects.toThrow('set unclassified: true')
  })

  it('says which are unreachable, and which are drained', async () => {
    const { clock, select } = stage({ gpu: {}, nas: {}, mac: {} }, { hold: false })
    void select.drain('mac')
    const early = select(ocr, { place: { arrival: 1, since: clock.now() }, exclude: [] })
    ;(await early).release()
    clock.advance(1)
    for (const name of ['gpu', 'nas'])
      for (let i = 0; i < 3; i++) select.lease(name).release(failed('connect'))
    await expect(select(ocr, { place: { arrival: 1, since: clock.now() - 1 } })).rejects.toThrow(
      'gpu, nas are unreachable, mac is drained',
    )
  })

  it('gives the reason of each backend when a held request gives up', async () => {
    const { clock, select } = stage({ gpu: {} }, { hold: '1s' })
    for (let i = 0; i < 3; i++) select.lease('gpu').release(passedOver(401))
    const held = select(ocr)
    held.catch(() => {})
    clock.advance(1_000)
    await expect(held).rejects.toThrow(/gpu is ejected: answered 401/)
  })
})
