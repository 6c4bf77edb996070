import { describe, expect, it, onTestFinished } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { answeredWith } from '../../../../test/support/outcomes.ts'
import type { Policy } from '../config/policy.ts'
import { RouterClosedError } from '../errors.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { Lease } from './lease.ts'
import type { SelectOptions } from './select-options.ts'

const search = classified('text', 'clip/textual')

function stage(policy: Partial<Policy> = {}) {
  const clock = new FakeClock()
  const backends = { a: { url: 'http://a', maxConcurrent: 1 }, b: { url: 'http://b', maxConcurrent: 1 } }
  const select = selectBackend({ backends, health: false, ...policy }, { clock })
  onTestFinished(() => select.close())
  /** What has come of a selection so far. */
  const begin = (options?: SelectOptions) => {
    const selection: { lease?: Lease; error?: unknown; waits: boolean } = { waits: false }
    const done = select(search, { ...options, onWait: () => Object.assign(selection, { waits: true }) }).then(
      (lease) => Object.assign(selection, { lease }),
      (error: unknown) => Object.assign(selection, { error }),
    )
    return { selection, done }
  }
  return { clock, select, begin }
}

describe('a policy that is suspended', () => {
  it('keeps new requests waiting though backends are free, until it is closed', async () => {
    const { select, begin } = stage()
    expect(select.stopping.aborted).toBe(false)
    select.suspend()
    const { selection, done } = begin()
    await new Promise((resolve) => setImmediate(resolve))
    expect([selection.waits, selection.lease, select.stopping.aborted]).toEqual([true, undefined, true])
    select.close()
    await done
    expect(selection.error).toBeInstanceOf(RouterClosedError)
  })

  it('keeps those waiting that wait already, when a slot is free', async () => {
    const { select, begin } = stage()
    const [first] = await Promise.all([select(search), select(search)])
    const { selection, done } = begin()
    select.suspend()
    first.release(answeredWith(200))
    await new Promise((resolve) => setImmediate(resolve))
    expect([selection.waits, selection.lease]).toEqual([true, undefined])
    select.close()
    await done
  })

  it('gives one that was tried before another lease, at once or when a slot is free', async () => {
    const { select, begin } = stage()
    const [first, second] = await Promise.all([select(search), select(search)])
    const waiting = begin()
    select.suspend()
    const retry = begin({ retry: true, place: first.place, exclude: [first.backend.name] })
    expect(retry.selection.waits).toBe(true)
    second.release(answeredWith(200))
    await retry.done
    expect([retry.selection.lease?.backend.name, waiting.selection.lease]).toEqual([
      second.backend.name,
      undefined,
    ])
    first.release(answeredWith(200))
    const another = begin({ retry: true, place: first.place })
    await another.done
    expect(another.selection.lease?.backend.name).toBe(first.backend.name)
    select.close()
    await waiting.done
  })

  it('keeps requests for longer than their patience', async () => {
    const { clock, select, begin } = stage({ queue: { maxWait: '1s' } })
    await Promise.all([select(search), select(search)])
    const before = begin()
    select.suspend()
    const after = begin()
    clock.advance(60_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect([before.selection.error, after.selection.error]).toEqual([undefined, undefined])
    select.close()
    await Promise.all([before.done, after.done])
    expect([before.selection.error, after.selection.error]).toEqual([
      expect.any(RouterClosedError),
      expect.any(RouterClosedError),
    ])
  })
})
