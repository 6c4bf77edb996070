import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { Checker, type CheckOptions, type ProbeState } from './checker.ts'

const OPTIONS = { path: '/ping', interval: 10_000, timeout: 2_000, rise: 2, fall: 3 }

/** A checker whose probes answer as they are told, and when each was sent. */
function checkerOn(
  clock: FakeClock,
  first: 'well' | 'down' | 'silent' = 'well',
  random = 0.5,
  options: CheckOptions = OPTIONS,
) {
  const changes: string[] = []
  const note = (from: ProbeState, to: ProbeState) => changes.push(`${from.kind}-${to.kind}`)
  const onGone = () => changes.push('gone')
  const checker = new Checker(clock, options, { onChange: note, onGone }, () => random)
  const sent: number[] = []
  const state = {
    answer: first === 'down' ? first : (undefined as string | undefined),
    silent: first === 'silent',
    connected: undefined as boolean | undefined,
    aborted: 0,
  }
  checker.start(async (_, signal, progress) => {
    sent.push(clock.now())
    if (state.connected !== undefined) progress.connected = state.connected
    signal.addEventListener('abort', () => state.aborted++)
    return state.silent ? new Promise(() => {}) : state.answer
  })
  /** Moves the clock in steps in which a probe can answer. */
  const advance = async (milliseconds: number) => {
    for (let i = 0; i < milliseconds; i += 100) {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      clock.advance(100)
    }
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  return { checker, sent, changes, state, advance }
}

describe('lazy probes', () => {
  const lazy = (clock: FakeClock, first: 'well' | 'down' = 'well') =>
    checkerOn(clock, first, 0.5, { ...OPTIONS, mode: 'lazy' })

  it('are not sent while no request wants the backend', async () => {
    const { sent, advance, checker } = lazy(new FakeClock())
    checker.succeed()
    await advance(60_000)
    expect([sent, checker.state?.kind]).toEqual([[], 'up'])
  })

  it('find out that it is down after a request failed, and stop', async () => {
    const { sent, advance, checker, changes } = lazy(new FakeClock(), 'down')
    checker.doubt()
    await advance(60_000)
    expect(sent).toEqual([0, 1_000, 2_000])
    expect(changes).toEqual(['unknown-down'])
  })

  it('are sent once in an interval while requests could use it, until it is back', async () => {
    const { sent, advance, checker, state, changes } = lazy(new FakeClock(), 'down')
    checker.doubt()
    await advance(20_000)
    checker.want()
    checker.want()
    await advance(5_000)
    checker.want()
    await advance(5_000)
    expect(sent.slice(3)).toEqual([20_000])
    state.answer = undefined
    checker.want()
    await advance(60_000)
    expect(sent.slice(4)).toEqual([30_000, 30_250])
    expect(changes).toEqual(['unknown-down', 'down-up'])
  })

  it('are sent every 2 s while a request is held, and once more', async () => {
    const { sent, advance, checker } = lazy(new FakeClock(), 'down')
    checker.doubt()
    await advance(120_000)
    checker.hurry(true)
    await advance(4_000)
    checker.hurry(false)
    await advance(60_000)
    expect(sent.slice(3)).toEqual([120_000, 122_000, 124_000, 126_000])
  })
})

describe('probes', () => {
  it('come at once, and then in their interval, a tenth more or less', async () => {
    const { sent, advance, changes } = checkerOn(new FakeClock())
    await advance(30_000)
    expect(sent).toEqual([0, 10_000, 20_000, 30_000])
    expect(changes).toEqual(['unknown-up'])
    const early = checkerOn(new FakeClock(), 'well', 0)
    await early.advance(20_000)
    expect(early.sent).toEqual([0, 9_000, 18_000])
  })

  it('come at once when the result is wanted, which is that of a probe that runs', async () => {
    const { checker, sent, advance, state } = checkerOn(new FakeClock())
    await advance(1_000)
    const results: (string | undefined)[] = []
    checker.probeNow().then((reason) => results.push(reason))
    await advance(100)
    expect([sent, results]).toEqual([[0, 1_000], [undefined]])
    state.silent = true
    checker.probeNow().then((reason) => results.push(reason))
    checker.probeNow().then((reason) => results.push(reason))
    await advance(2_000)
    expect([sent, results]).toEqual([
      [0, 1_000, 1_100],
      [undefined, 'timeout', 'timeout'],
    ])
    checker.probeNow().then((reason) => results.push(reason))
    checker.stop()
    await advance(0)
    expect([results.length, await checker.probeNow()]).toEqual([4, undefined])
  })

  it('come every second while in doubt, and four times a second on the way up', async () => {
    const { sent, advance, changes, state, checker } = checkerOn(new FakeClock())
    await advance(9_900)
    state.answer = 'ECONNREFUSED'
    await advance(2_100)
    expect(sent).toEqual([0, 10_000, 11_000, 12_000])
    expect(checker.state).toMatchObject({ kind: 'down', reason: 'ECONNREFUSED', since: 12_000 })
    await advance(30_000)
    state.answer = undefined
    const down = sent.length
    await advance(10_000)
    // The clock moves in steps of 100 ms.
    expect((sent[down + 1] ?? 0) - (sent[down] ?? 0)).toBeLessThanOrEqual(350)
    expect(changes).toEqual(['unknown-up', 'up-down', 'down-up'])
  })

  it('come four times a second for ten seconds after it went down, and then in their interval', async () => {
    const { sent, advance, checker } = checkerOn(new FakeClock(), 'down')
    await advance(2_000)
    expect([sent, checker.state?.kind]).toEqual([[0, 1_000, 2_000], 'down'])
    await advance(10_000)
    const soon = sent.slice(3)
    expect(soon.length).toBeGreaterThan(30)
    expect(soon.length).toBeLessThanOrEqual(40)
    await advance(30_000)
    expect(sent.slice(3 + soon.length).length).toBeLessThanOrEqual(4)
  })

  it.each([
    ['down, and no probe can connect', false, ['unknown-down', 'gone', 'gone']],
    ['down, and takes connections', true, ['unknown-down']],
    ['down, and nobody says whether it takes connections', undefined, ['unknown-down']],
  ])('say that it is gone when it is %s', async (_, connected, told) => {
    const { advance, changes, state } = checkerOn(new FakeClock(), 'silent')
    state.connected = connected
    await advance(20_100)
    // Once for each probe that fails.
    expect(changes.slice(0, told.length)).toEqual(told)
    expect([...new Set(changes)]).toEqual([...new Set(told)])
  })

  it('fail when they are not answered in time, and are broken off', async () => {
    const { sent, advance, state, checker } = checkerOn(new FakeClock(), 'silent')
    await advance(8_200)
    expect(sent).toEqual([0, 3_000, 6_000])
    expect([checker.state?.kind, state.aborted]).toEqual(['down', 3])
  })

  it('come at once and every two seconds while somebody waits', async () => {
    const { sent, advance, checker } = checkerOn(new FakeClock(), 'down')
    await advance(15_000)
    const before = sent.length
    checker.hurry(true)
    await advance(6_000)
    expect(sent.slice(before)).toEqual([15_000, 17_000, 19_000, 21_000])
    checker.hurry(false)
    await advance(15_000)
    expect(sent.slice(before + 4)).toEqual([23_000, 33_000])
  })

  it('come at once when a request could not reach it, unless that is known', async () => {
    const { sent, advance, state, checker } = checkerOn(new FakeClock())
    await advance(4_000)
    state.answer = 'down'
    checker.doubt()
    await advance(2_000)
    expect(sent).toEqual([0, 4_000, 5_000, 6_000])
    expect(checker.state?.kind).toBe('down')
    checker.doubt()
    expect(sent).toHaveLength(4)
  })

  it('are overruled by a request that is answered', async () => {
    const { advance, checker, changes } = checkerOn(new FakeClock(), 'down')
    await advance(3_000)
    expect(checker.state?.kind).toBe('down')
    checker.succeed()
    expect([checker.state, changes]).toEqual([
      { kind: 'up', since: 3_000, failures: 0 },
      ['unknown-down', 'down-up'],
    ])
  })

  it('end when they are stopped, in the middle of one', async () => {
    const clock = new FakeClock()
    const { sent, advance, state, checker } = checkerOn(clock, 'silent')
    await advance(100)
    checker.stop()
    await advance(20_000)
    expect([sent.length, state.aborted, clock.pending]).toEqual([1, 1, 0])
  })
})
