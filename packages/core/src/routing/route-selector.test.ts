import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import type { SelectEnvironment } from '../router/policy-runtime.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { isProven } from './assess.ts'
import type { Lease } from './lease.ts'

const search = classified('text', 'clip/textual')
const unreachable = failed('connect')

/** A policy with a route that lets requests wait, and its backends ejected. */
async function ejected(names: string[], environment: SelectEnvironment) {
  const select = selectBackend(
    {
      backends: Object.fromEntries(names.map((name) => [name, { url: `http://${name}`, health: false }])),
      routes: [{ backends: names, hold: '1h' }],
    },
    environment,
  )
  for (const name of names) for (let i = 0; i < 3; i++) select.lease(name).release(unreachable)
  return select
}

/** Time passes between any two looks at it, and its timers are a little early, as Node's are. */
class RunningClock extends FakeClock {
  override now(): number {
    this.shift(0.07)
    return super.now()
  }

  override after(milliseconds: number, callback: () => void): () => void {
    return super.after(Math.trunc(milliseconds), callback)
  }
}

describe('a request that waits', () => {
  it('does so for a slot where it may not be held, though its backend is away', async () => {
    const reasons: string[] = []
    const select = selectBackend(
      { backends: { gpu: { url: 'http://gpu', health: false, maxConcurrent: 1 } }, hold: false },
      { clock: new FakeClock(), onHold: ({ kind, reason }) => reasons.push(`${kind} ${reason}`) },
    )
    for (let i = 0; i < 3; i++) select.lease('gpu').release(unreachable)
    const first = await select(search)
    const second = select(search)
    expect(select.explain(search).decision).toMatchObject({ kind: 'queue' })
    first.release(unreachable)
    expect((await second).backend.name).toBe('gpu')
    expect(reasons).toEqual(['held full', 'released full'])
  })

  it('is served, whenever its time comes between two looks at the clock', async () => {
    for (let run = 0; run < 50; run++) {
      const clock = new RunningClock()
      clock.advance(run * 0.013)
      const select = await ejected(['gpu'], { clock })
      let lease: Lease | undefined
      const waiting = select(search).then((it) => {
        lease = it
      })
      for (let i = 0; i < 7_000 && lease === undefined; i++) {
        clock.advance(1)
        await Promise.resolve()
      }
      expect(lease?.trial).toBe(true)
      await waiting
    }
  })

  it('is served in the order in which it first came, also when it comes again', async () => {
    const clock = new FakeClock()
    const select = await ejected(['gpu'], { clock })
    const order: string[] = []
    const first = select(search)
    const second = select(search).then(() => order.push('second'))
    clock.advance(6_000)
    const trial = await first
    trial.release(unreachable)
    const again = select(search, { place: trial.place }).then((lease) => {
      order.push('first')
      lease.release(answered)
    })
    clock.advance(12_000)
    await Promise.all([again, second])
    expect(order).toEqual(['first', 'second'])
  })

  it('gets the backends that it has not tried before the others, and never those that are excluded', async () => {
    const clock = new FakeClock()
    const select = selectBackend(
      {
        backends: Object.fromEntries(
          ['a', 'b', 'c'].map((name) => [name, { url: `http://${name}`, maxConcurrent: 'unlimited' }]),
        ),
        routes: [{ backends: ['a', 'b', 'c'], strategy: 'first', hold: '1h' }],
      },
      { clock },
    )
    const pick = async (options: object) => (await select(search, options)).backend.name
    expect(await pick({ avoid: ['a'] })).toBe('b')
    expect(await pick({ avoid: ['a', 'b'], exclude: ['c'] })).toBe('a')
    select.lease('a').release(unreachable)
    expect([await pick({}), await pick({ retry: true })]).toEqual(['a', 'b'])
  })

  it('does not find out once more what another has found out while it waited', async () => {
    const clock = new FakeClock()
    const select = selectBackend(
      {
        backends: {
          gpu: { url: 'http://gpu', health: false, maxConcurrent: 1 },
          nas: { url: 'http://nas', health: false, maxConcurrent: 1 },
          mac: { url: 'http://mac', health: false },
        },
        hold: false,
      },
      { clock },
    )
    for (const name of ['gpu', 'nas']) for (let i = 0; i < 3; i++) select.lease(name).release(unreachable)
    await select.drain('mac')
    clock.advance(1)
    const first = await select(search)
    const second = await select(search)
    expect([first.backend.name, second.backend.name].sort()).toEqual(['gpu', 'nas'])
    const told: string[] = []
    const [third, fourth] = [select(search), select(search)]
    const others = [1, 2].map((n) =>
      select(search).catch(({ code, message }) => told.push(`${n} ${code} ${message}`)),
    )
    clock.advance(2_000)
    // They began to try before the others came.
    first.release(unreachable)
    second.release(unreachable)
    const [one, other] = [await third, await fourth]
    expect([one.backend.name, other.backend.name].sort()).toEqual(['gpu', 'nas'])
    clock.advance(2_000)
    one.release(unreachable)
    await Promise.resolve()
    expect(told).toEqual([])
    // One that has failed elsewhere wants to know for itself.
    const retry = await select(search, { retry: true, exclude: [other.backend.name], place: one.place })
    expect(retry.backend).toBe(one.backend)
    retry.release(unreachable)
    const late = select(search)
    other.release(unreachable)
    await Promise.all(others)
    const why = 'gpu, nas are unreachable, mac is drained'
    expect(told).toEqual(
      [1, 2].map((n) => `${n} no-backend-available No backend of route "default" is available: ${why}.`),
    )
    // One that has come since finds out anew.
    const anew = await Promise.all([late, select(search)])
    expect(anew.map(({ backend }) => backend.name).sort()).toEqual(['gpu', 'nas'])
  })

  it('does not keep back another that can be served', async () => {
    const clock = new FakeClock()
    const select = selectBackend(
      {
        backends: {
          clip: { url: 'http://clip', tasks: ['clip'], health: false },
          ocr: { url: 'http://ocr', tasks: ['ocr'], health: false },
        },
        routes: [{ backends: ['clip', 'ocr'], hold: { bulk: '1h', interactive: '1h', maxHeld: 1 } }],
      },
      { clock },
    )
    for (let i = 0; i < 3; i++) select.lease('ocr').release(unreachable)
    const waits = select({ ...search, tasks: ['ocr'] })
    expect(select.held()).toEqual({ default: 1 })
    expect((await select(search)).backend.name).toBe('clip')
    await expect(select({ ...search, tasks: ['ocr'] })).rejects.toMatchObject({ code: 'hold-full' })
    select.close()
    await expect(waits).rejects.toMatchObject({ code: 'router-closed' })
    await expect(select({ ...search, tasks: ['ocr'] })).rejects.toMatchObject({ code: 'router-closed' })
  })

  it('knows of a backend that is well, even when that is full, and not of one that has failed', async () => {
    const clock = new FakeClock()
    const select = selectBackend(
      {
        backends: {
          a: { url: 'http://a', health: false },
          b: { url: 'http://b', health: false, maxConcurrent: 1 },
        },
      },
      { clock },
    )
    const lease = await select(search)
    expect([lease.backend.name, lease.usableOthers([]).some(isProven)]).toEqual(['a', true])
    const { release } = select.lease('b')
    expect(lease.usableOthers([]).some(isProven)).toBe(true)
    release(unreachable)
    expect(lease.usableOthers([]).some(isProven)).toBe(false)
    clock.advance(10_000)
    expect(lease.usableOthers([]).some(isProven)).toBe(true)
  })
})
