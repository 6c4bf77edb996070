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
