import { describe, expect, it } from 'vitest'
import type { BackendView, HealthState } from '../src/wire.ts'
import { formatFor } from './format.ts'
import { groupsOf } from './groups.ts'
import { backendOf, NO_FATES, reportOf } from './samples.ts'
import { remarkOf, verdictOf } from './verdict.ts'

const told = (...backends: BackendView[]) => verdictOf(reportOf({ backends }), NO_FATES)
const [gpu, mac, nas] = ['gpu', 'mac', 'nas'].map((name) => (state?: HealthState) => backendOf(name, state))
if (gpu === undefined || mac === undefined || nas === undefined) throw new Error('there are three')

/** It is woken when somebody wants it. */
const asleep = backendOf('server', 'down', { wakes: true })

describe('the verdict', () => {
  it.each<[string, BackendView[], string]>([
    ['go', [gpu()], 'gpu is well.'],
    ['go', [gpu(), mac()], 'Both backends are well.'],
    ['go', [gpu(), mac(), nas()], 'All 3 backends are well.'],
    ['stop', [gpu('down'), mac(), nas()], 'gpu is down.'],
    ['stop', [gpu('down'), mac('down'), nas()], 'gpu and mac are down.'],
    ['stop', [gpu('down'), mac('ejected'), nas()], 'gpu is down, mac is ejected.'],
    ['stop', [gpu('down'), mac('drained')], 'No backend can be used.'],
    ['stop', [gpu('unresolved'), mac()], 'gpu is without an address.'],
    ['stop', [gpu('unresolved')], 'gpu is without an address.'],
    ['stop', [gpu('down')], 'gpu is down.'],
    ['wait', [gpu('partly'), mac()], 'gpu is partly well.'],
    ['wait', [gpu('trial')], 'gpu is on trial.'],
    ['off', [asleep, mac()], 'server is away.'],
    ['off', [asleep], 'server is away.'],
    ['wait', [{ ...asleep, waiting: 1 }, mac()], 'server is being woken.'],
    ['stop', [asleep, mac('down')], 'No backend can be used.'],
    ['go', [gpu('recovering'), mac()], 'Both backends are well.'],
    ['wait', [gpu('busy'), mac('drained'), nas()], 'gpu is taking a pause, mac is drained.'],
    ['off', [gpu('drained'), mac()], 'gpu is drained.'],
    ['off', [gpu('unknown'), mac('unknown')], 'Waiting to hear from the backends.'],
  ])('is "%s" for %j: %s', (tone, backends, text) => {
    expect(told(...backends)).toEqual({ tone, text })
  })

  it('is not that all is well while requests fail', () => {
    const report = reportOf({ backends: [gpu(), mac()] })
    const recent = { ...NO_FATES, answered: 20 }
    expect(verdictOf(report, { ...recent, failed: 2 }).text).toBe('Both backends are well.')
    expect(verdictOf(report, { ...recent, failed: 3 }).text).toBe(
      'Both backends are well, but requests fail.',
    )
    expect(verdictOf(report, { ...recent, refused: 3 })).toEqual({
      tone: 'stop',
      text: 'Both backends are well, but requests are refused.',
    })
    expect(verdictOf(report, { ...recent, answered: 2000, failed: 3 }).tone).toBe('go')
  })

  it('says when requests wait for long', () => {
    const first = [{ route: 'all', reason: 'full', at: 0, job: { entries: [] } }] as const
    const report = reportOf({ backends: [gpu()], waiting: { count: 1, first } })
    expect(verdictOf({ ...report, now: 9_000 }, NO_FATES).text).toBe('gpu is well.')
    expect(verdictOf({ ...report, now: 11_000 }, NO_FATES).text).toBe('gpu is well, and busy.')
  })

  it.each([
    ['closing', 'The router is closing.'],
    ['closed', 'The router is closed.'],
  ] as const)('says that the router is %s', (state, text) => {
    expect(verdictOf(reportOf({ state, backends: [gpu('down')] }), NO_FATES).text).toBe(text)
  })

  it('of a name with many endpoints is that of the best', () => {
    const endpoints = (['down', 'well', 'leaving'] as const).map((state, i) =>
      backendOf('ml', state, { endpoint: `10.0.0.${i}:3003` }),
    )
    expect(groupsOf(endpoints)).toMatchObject([{ name: 'ml', standing: 'well', members: endpoints }])
  })
})

describe('the remark', () => {
  const format = formatFor('en')
  const figures = (rest: object) => ({ rate: 0, fates: { ...NO_FATES, ...rest }, latencies: {} })

  it('sums it up', () => {
    const report = reportOf({
      backends: [gpu('down'), mac('partly')],
      figures: figures({ answered: 10, rescued: 2 }),
      waiting: { count: 3, first: [] },
    })
    expect(remarkOf(report, 900_000, format)).toBe(
      'mac is partly well. 3 requests wait. 12 requests in the last 15 minutes. 2 of them needed another backend.',
    )
  })

  it('speaks of no time in which there was no router', () => {
    expect(
      remarkOf(reportOf({ figures: figures({ answered: 1 }) }), 90_000, format).replaceAll('\u202f', ' '),
    ).toBe('One request in the 1 min 30 s since the router began.')
  })
})
