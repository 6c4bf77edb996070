import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { failed } from '../../../../test/support/outcomes.ts'
import { unclassified } from '../classify/classification.ts'
import type { Policy } from '../config/policy.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'

const search = classified('text', 'clip/textual/m')
const image = classified('image', 'clip/visual/m')
const backends = { gpu: { url: 'http://gpu', health: false as const } }

describe('a request on its route', () => {
  it('is matched once, and again only after a reload', async () => {
    let matches = 0
    const policy = (name: string): Policy => ({
      backends,
      routes: [
        { name, match: () => ++matches > 0, backends: ['gpu'] },
        { name: 'rest', backends: ['gpu'] },
      ],
    })
    const select = selectBackend(policy('first'), { clock: new FakeClock() })
    const request = select.route(image)
    const lease = await request.select({})
    lease.release(failed('connect'))
    const retry = await request.select({ retry: true, place: lease.place })
    expect([
      request.route,
      request.heartbeats !== undefined,
      request.isHeldBulk,
      retry.retries,
      matches,
    ]).toEqual(['first', true, true, 3, 1])
    select.reload(policy('second'))
    expect([request.route, matches]).toEqual(['second', 2])
  })

  it('stays on its route while a match in code throws, and fails when it is selected', async () => {
    const policy = (match?: () => boolean): Policy => ({
      backends,
      routes: [
        { name: 'first', ...(match && { match }), backends: ['gpu'] },
        ...(match ? [{ backends: ['gpu'] }] : []),
      ],
    })
    const select = selectBackend(policy(), { clock: new FakeClock() })
    const request = select.route(search)
    const lease = await request.select({})
    select.reload(
      policy(() => {
        throw new Error('my match')
      }),
    )
    expect([request.route, request.isHeldBulk, request.heartbeats]).toEqual([
      'first',
      false,
      expect.anything(),
    ])
    expect([lease.retries, lease.holds, lease.left([]), lease.usableOthers([])]).toEqual([3, true, 1, []])
    expect([lease.isCredible(), lease.isRefusedByAll([]), lease.hedge?.spare([])]).toEqual([
      true,
      false,
      undefined,
    ])
    lease.release(failed('connect'))
    await expect(request.select({ retry: true, place: lease.place })).rejects.toThrow('my match')
  })

  it('is held bulk when its priority is 0 and its route holds', () => {
    const select = selectBackend({ backends, routes: [{ backends: ['gpu'] }] })
    expect([select.route(image).isHeldBulk, select.route(search).isHeldBulk]).toEqual([true, false])
    expect(selectBackend({ backends, hold: false }).route(image).isHeldBulk).toBe(false)
  })

  it('gets no heartbeats when it is unclassified', () => {
    const select = selectBackend({ backends })
    expect(select.route(unclassified('no-entries')).heartbeats).toBeUndefined()
  })
})
