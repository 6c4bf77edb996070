import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { failed, passedOver } from '../../../../test/support/outcomes.ts'
import { unclassified } from '../classify/classification.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
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

  it('names only the tasks that no backend serves', async () => {
    const { select } = stage({ gpu: { tasks: ['clip'] }, nas: { tasks: ['ocr'] } })
    const both = select(classified('image', 'clip/visual/m', 'pose/detection/m'))
    await expect(both).rejects.toThrow('none of its backends serves pose.')
    const none = select(classified('image', 'tags/t/m', 'clip/visual/m', 'pose/detection/m'))
    await expect(none).rejects.toThrow('none of its backends serves tags and pose.')
  })

  it('names all tasks when no backend serves them together', async () => {
    const { select } = stage({ gpu: { tasks: ['clip'] }, nas: { tasks: ['ocr'] } })
    const both = select(classified('image', 'clip/visual/m', 'ocr/detection/m'))
    await expect(both).rejects.toThrow('none of its backends serves clip and ocr.')
  })

  it('gives the model problem of the backends that serve the task', () => {
    const options = (name: string, tasks: string[]): BackendOptions => {
      return { url: `http://${name}`, health: false, tasks }
    }
    const backends = {
      gpu: options('gpu', ['ocr']),
      nas: options('nas', ['ocr']),
      mac: options('mac', ['ocr']),
      old: options('old', ['clip']),
    }
    const { pool, table } = new PolicyRuntime({ backends }, { clock: new FakeClock() })
    const [gpu, nas] = pool.members
    const problem = { route: 'default', model: 'm', jobs: ['ocr/detection/m'], excluded: true }
    for (const backend of [gpu, nas])
      if (backend !== undefined) backend.problems = [{ ...problem, reason: 'gpu and nas disagree on m' }]
    const message = (exclude: string[]) => {
      const { decision } = table.decide(ocr, { exclude })
      return decision.kind === 'reject' ? decision.error.message : decision.kind
    }
    expect(message([])).toBe('forward')
    const words = 'excluded because of a model problem: gpu and nas disagree on m'
    expect(message(['mac'])).toBe(
      `No backend of route "default" is available: mac is excluded; gpu, nas are ${words}.`,
    )
    expect(message(['mac', 'nas'])).toContain(`nas, mac are excluded; gpu is ${words}.`)
    for (const backend of pool.members) backend.problems = [{ ...problem, reason: 'wrong' }]
    expect(message([])).toBe(
      'No backend of route "default" is available: gpu, nas, mac are excluded because of a model problem: wrong.',
    )
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
