import { describe, expect, it } from 'vitest'
import type { BackendView, HealthState } from '../src/wire.ts'
import { formatFor } from './format.ts'
import { groupsOf } from './groups.ts'
import { backendOf, NO_FATES, reportOf, windowOf } from './samples.ts'
import { remarkOf, verdictOf } from './verdict.ts'

const verdictFor = (...backends: BackendView[]) => verdictOf(reportOf({ backends }), NO_FATES)
const [gpu, mac, nas] = ['gpu', 'mac', 'nas'].map((name) => (state?: HealthState) => backendOf(name, state))
if (gpu === undefined || mac === undefined || nas === undefined) throw new Error('there are three')

/** Woken when a request waits for it. */
const asleep = backendOf('server', 'down', { wakes: true })

describe('the verdict', () => {
  it.each<[string, BackendView[], string]>([
    ['go', [gpu()], 'gpu is healthy.'],
    ['go', [gpu(), mac()], 'Both backends are healthy.'],
    ['go', [gpu(), mac(), nas()], 'All 3 backends are healthy.'],
    ['stop', [gpu('down'), mac(), nas()], 'gpu is down.'],
    ['stop', [gpu('down'), mac('down'), nas()], 'gpu and mac are down.'],
    ['stop', [gpu('down'), mac('ejected'), nas()], 'gpu is down, mac is ejected.'],
    ['stop', [gpu('down'), mac('drained')], 'No backend is available.'],
    ['stop', [gpu('unresolved'), mac()], 'gpu is without an address.'],
    ['stop', [gpu('unresolved')], 'gpu is without an address.'],
    ['stop', [gpu('down')], 'gpu is down.'],
    ['wait', [gpu('degraded'), mac()], 'gpu is degraded.'],
    ['wait', [gpu('trial')], 'gpu is on trial.'],
    ['off', [asleep, mac()], 'server is asleep.'],
    ['off', [asleep], 'server is asleep.'],
    ['wait', [{ ...asleep, held: 1 }, mac()], 'server is waking up.'],
    ['stop', [asleep, mac('down')], 'No backend is available.'],
    ['go', [gpu('recovering'), mac()], 'Both backends are healthy.'],
    ['wait', [gpu('throttled'), mac('drained'), nas()], 'gpu is throttled, mac is drained.'],
    ['off', [gpu('drained'), mac()], 'gpu is drained.'],
    ['off', [gpu('unknown'), mac('unknown')], 'No backend has answered yet.'],
  ])('is "%s" for %j: %s', (tone, backends, text) => {
    expect(verdictFor(...backends)).toEqual({ tone, text })
  })

  it('mentions failing requests when all backends are healthy', () => {
    const report = reportOf({ backends: [gpu(), mac()] })
    const recent = { ...NO_FATES, answered: 20 }
    expect(verdictOf(report, { ...recent, failed: 2 }).text).toBe('Both backends are healthy.')
    expect(verdictOf(report, { ...recent, failed: 3 }).text).toBe(
      'Both backends are healthy, but requests fail.',
    )
    expect(verdictOf(report, { ...recent, refused: 3 })).toEqual({
      tone: 'stop',
      text: 'Both backends are healthy, but requests are refused.',
    })
    expect(verdictOf(report, { ...recent, answered: 2000, failed: 3 }).tone).toBe('go')
  })

  it('mentions long waits', () => {
    const first = [{ route: 'all', reason: 'full', at: 0, job: { entries: [] } }] as const
    const report = reportOf({ backends: [gpu()], waiting: { count: 1, first } })
    expect(verdictOf({ ...report, now: 9_000 }, NO_FATES).text).toBe('gpu is healthy.')
    expect(verdictOf({ ...report, now: 11_000 }, NO_FATES).text).toBe(
      'gpu is healthy, with requests waiting.',
    )
  })

  const error = { kind: 'config-refused', level: 'error', message: 'Mend line 4.' } as const
  const warning = { kind: 'http-1.0', level: 'warning', message: 'Set HTTP/1.1.' } as const
  const info = { kind: 'demo', level: 'info', message: 'Demo.' } as const

  it.each([
    ['stop', 'Mend line 4.', [gpu('down')], [error, warning]],
    ['wait', 'Set HTTP/1.1.', [gpu('degraded')], [warning]],
    ['stop', 'gpu is down.', [gpu('down')], [warning, info]],
    ['off', 'Demo.', [gpu()], [info]],
    ['wait', 'gpu is degraded.', [gpu('degraded')], [info]],
  ] as const)('is the worst of the backends and the notices: %s, %s', (tone, text, backends, notices) => {
    expect(verdictOf(reportOf({ backends, notices }), NO_FATES)).toEqual({ tone, text })
  })

  it.each([
    ['closing', 'The router is closing.'],
    ['closed', 'The router is closed.'],
  ] as const)('says that the router is %s', (state, text) => {
    expect(verdictOf(reportOf({ state, backends: [gpu('down')] }), NO_FATES).text).toBe(text)
  })

  it('takes the state of the best endpoint', () => {
    const endpoints = (['down', 'healthy', 'removed'] as const).map((state, i) =>
      backendOf('ml', state, { endpoint: `10.0.0.${i}:3003` }),
    )
    expect(groupsOf(endpoints)).toMatchObject([{ name: 'ml', state: 'healthy', members: endpoints }])
  })
})

describe('the remark', () => {
  const format = formatFor('en')
  const windows = (rest: object) => ({
    minute: windowOf(60_000),
    quarter: windowOf(900_000, { fates: { ...NO_FATES, ...rest } }),
  })

  it('sums up the state', () => {
    const report = reportOf({
      backends: [gpu('down'), mac('degraded')],
      windows: windows({ answered: 10, rescued: 2 }),
      waiting: { count: 3, first: [] },
    })
    expect(remarkOf(report, 900_000, format)).toBe(
      'mac is degraded. 3 requests are waiting. 12 requests in the last 15 minutes. 2 of them needed a retry.',
    )
  })

  it('covers only the time since the start', () => {
    expect(
      remarkOf(reportOf({ windows: windows({ answered: 1 }) }), 90_000, format).replaceAll('\u202f', ' '),
    ).toBe('One request in the 1 min 30 s since the start.')
  })
})
