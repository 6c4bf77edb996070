import { describe, expect, it } from 'vitest'
import { listen } from '../../../../test/support/servers.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Waker } from './waker.ts'

function stage() {
  const clock = new FakeClock()
  const wanted: number[] = []
  const machine = { isDown: true, queued: 0 }
  const waker = new Waker(clock, {
    wake: undefined,
    isDown: () => machine.isDown,
    queued: () => machine.queued,
    onWanted: () => wanted.push(clock.now()),
  })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return { clock, wanted, machine, waker, settle, start: clock.now() }
}

describe('a waker', () => {
  it('wakes a machine that is down, at most once in 30 s', async () => {
    const { clock, wanted, waker, settle, start } = stage()
    waker.want(false)
    waker.want(false)
    await settle()
    clock.advance(30_000)
    waker.want(false)
    await settle()
    expect(wanted.map((time) => time - start)).toEqual([0, 30_000])
  })

  it('does not wake a machine that is up, and wakes it at once when it sleeps again', async () => {
    const { wanted, machine, waker, settle } = stage()
    waker.want(false)
    machine.isDown = false
    waker.changed()
    waker.want(false)
    await settle()
    expect(wanted.length).toBe(1)
    machine.isDown = true
    waker.want(false)
    await settle()
    expect(wanted.length).toBe(2)
  })

  it('says when a machine came up after it was woken', async () => {
    const { clock, machine, waker } = stage()
    waker.cameUp()
    expect(waker.wokeAt).toBeUndefined()
    await waker.wake()
    clock.advance(20_000)
    machine.isDown = false
    waker.cameUp()
    clock.advance(5_000)
    waker.cameUp()
    expect(waker.wokeAt).toBe(20_000)
    await waker.wake()
    clock.advance(5_000)
    waker.cameUp()
    expect(waker.wokeAt, 'it was up already').toBe(20_000)
  })

  it('calls a hook, and tells when that fails', async () => {
    const statuses = [500, 200]
    const { url } = await listen((_, res) => res.writeHead(statuses.shift() ?? 404).end())
    const wanted: (string | undefined)[] = []
    const wake = { broadcast: '', port: 9, every: 30_000, url, method: 'POST', timeout: 5_000 }
    const waker = new Waker(new FakeClock(), {
      wake,
      isDown: () => true,
      queued: () => 0,
      onWanted: (error) => wanted.push(error?.message),
    })
    await expect(waker.wake()).rejects.toThrow(`${url} answered 500`)
    await waker.wake()
    expect(wanted).toEqual([`${url} answered 500`, undefined])
  })

  it('repeats while requests wait, with one timer for all', async () => {
    const { clock, wanted, waker, settle } = stage()
    const [first, second] = [waker.keepWanting(() => false), waker.keepWanting(() => false)]
    await settle()
    clock.advance(30_000)
    await settle()
    expect([wanted.length, clock.pending]).toEqual([2, 1])
    first()
    second()
    expect(clock.pending).toBe(0)
  })

  it('lets bulk requests wait for `when`, and urgent ones wake it at once', async () => {
    const { clock, wanted, machine, waker, settle } = stage()
    waker.configure({
      broadcast: '',
      port: 9,
      every: 30_000,
      method: 'POST',
      timeout: 1,
      when: { queued: 3 },
    })
    let isUrgent = false
    const stop = waker.keepWanting(() => isUrgent)
    clock.advance(60_000)
    await settle()
    expect(wanted).toEqual([])
    machine.queued = 3
    clock.advance(30_000)
    await settle()
    expect(wanted).toEqual([90_000])
    machine.queued = 0
    clock.advance(30_000)
    isUrgent = true
    clock.advance(30_000)
    await settle()
    expect(wanted).toEqual([90_000, 150_000])
    stop()
  })
})
