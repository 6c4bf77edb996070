import { describe, expect, it } from 'vitest'
import { listen } from '../../../../test/support/servers.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Waker } from './waker.ts'

function stage() {
  const clock = new FakeClock()
  const wanted: number[] = []
  const machine = { isDown: true }
  const waker = new Waker(clock, {
    wake: undefined,
    isDown: () => machine.isDown,
    onWanted: () => wanted.push(clock.now()),
  })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return { clock, wanted, machine, waker, settle, start: clock.now() }
}

describe('a waker', () => {
  it('wakes a machine that is down, at most once in 30 s', async () => {
    const { clock, wanted, waker, settle, start } = stage()
    waker.want()
    waker.want()
    await settle()
    clock.advance(30_000)
    waker.want()
    await settle()
    expect(wanted.map((time) => time - start)).toEqual([0, 30_000])
  })

  it('does not wake a machine that is up, and wakes it at once when it sleeps again', async () => {
    const { wanted, machine, waker, settle } = stage()
    waker.want()
    machine.isDown = false
    waker.changed()
    waker.want()
    await settle()
    expect(wanted.length).toBe(1)
    machine.isDown = true
    waker.want()
    await settle()
    expect(wanted.length).toBe(2)
  })

  it('calls a hook, and tells when that fails', async () => {
    const statuses = [500, 200]
    const { url } = await listen((_, res) => res.writeHead(statuses.shift() ?? 404).end())
    const wanted: (string | undefined)[] = []
    const wake = { broadcast: '', port: 9, every: 30_000, url, method: 'POST', timeout: 5_000 }
    const waker = new Waker(new FakeClock(), {
      wake,
      isDown: () => true,
      onWanted: (error) => wanted.push(error?.message),
    })
    await expect(waker.wake()).rejects.toThrow(`${url} answered 500`)
    await waker.wake()
    expect(wanted).toEqual([`${url} answered 500`, undefined])
  })

  it('repeats while requests wait, with one timer for all', async () => {
    const { clock, wanted, waker, settle } = stage()
    const [first, second] = [waker.keepWanting(), waker.keepWanting()]
    await settle()
    clock.advance(30_000)
    await settle()
    expect([wanted.length, clock.pending]).toEqual([2, 1])
    first()
    second()
    expect(clock.pending).toBe(0)
  })
})
