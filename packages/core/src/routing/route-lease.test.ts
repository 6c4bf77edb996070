import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { answered, failed, passedOver } from '../../../../test/support/outcomes.ts'
import type { Policy } from '../config/policy.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { isProven } from './assess.ts'

const image = classified('image', 'clip/visual/m')

function stage(policy: Partial<Policy> = {}) {
  const names = ['a', 'b', 'c']
  const backends = Object.fromEntries(
    names.map((name) => [name, { url: `http://${name}`, health: false as const }]),
  )
  return selectBackend(
    { backends, routes: [{ backends: names, strategy: 'first' }], ...policy },
    { clock: new FakeClock() },
  )
}

describe('a lease by a route', () => {
  it('counts the other candidates that are left, and those that can take the request', async () => {
    const select = stage()
    const lease = await select(image)
    const [a, b, c] = select.backends().map(({ id }) => id)
    expect([lease.backend.id, lease.left([]), lease.left([a ?? '', b ?? ''])]).toEqual([a, 3, 1])
    const usable = (tried: readonly string[] = []) => lease.usableOthers(tried).map(({ name }) => name)
    expect([usable(), usable([c ?? ''])]).toEqual([['b', 'c'], ['b']])
    await select.drain('b')
    expect([lease.left([a ?? '']), usable()]).toEqual([1, ['c']])
  })

  it('knows whether another candidate has had no recent failure', async () => {
    const select = stage()
    const lease = await select(image)
    expect(lease.usableOthers([]).every(isProven)).toBe(true)
    for (const name of ['b', 'c']) select.lease(name).release(failed('reset'))
    expect(lease.usableOthers([]).some(isProven)).toBe(false)
  })

  it('is credible once its backend has served such a job', async () => {
    const select = stage()
    const first = await select(image)
    expect(first.isCredible()).toBe(false)
    first.release(answered)
    expect((await select(image)).isCredible()).toBe(true)
  })

  it('is refused by all when every candidate lacks the task and none ever served it', async () => {
    const select = stage()
    const ids = select.backends().map(({ id }) => id)
    const lease = await select(image)
    expect([lease.isRefusedByAll(ids), lease.isRefusedByAll(ids.slice(1))]).toEqual([true, false])
    lease.release(passedOver(501))
  })

  it('follows the policy in force', async () => {
    const select = stage({ retries: 1 })
    const lease = await select(image)
    expect([lease.retries, lease.holds, lease.bulk]).toEqual([1, true, true])
    const backends = { a: { url: 'http://a', health: false as const } }
    select.reload({ backends, retries: 5, hold: false })
    expect([lease.retries, lease.holds, lease.usableOthers([])]).toEqual([5, false, []])
  })
})
