import { describe, expect, it } from 'vitest'
import type { BackendView, HealthState, NoticeView } from '../src/wire.ts'
import { groupsOf } from './groups.ts'
import { backendOf, NO_FATES, reportOf, windowOf } from './samples.ts'
import { verdictsOf } from './verdict.ts'

const verdictsFor = (...backends: BackendView[]) => verdictsOf(reportOf({ backends }))
const [gpu, mac, nas] = ['gpu', 'mac', 'nas'].map(
  (name) =>
    (state?: HealthState, reason?: string): BackendView =>
      backendOf(name, state, { health: { state: state ?? 'healthy', reason, tasks: [], failures: 0 } }),
)
if (gpu === undefined || mac === undefined || nas === undefined) throw new Error('there are three')

/** Woken when a request waits for it. */
const asleep = backendOf('server', 'down', { wakes: true })

function degraded(state: 'ejected' | 'lacking'): BackendView {
  const tasks = [{ task: 'ocr/detection', state, reason: '500', until: 9 }]
  return backendOf('mac', 'degraded', { health: { state: 'degraded', tasks, failures: 3 } })
}

describe('the verdict', () => {
  it.each<[string, BackendView[], string]>([
    ['go', [gpu()], 'gpu is healthy.'],
    ['go', [gpu(), mac()], 'Both backends are healthy.'],
    ['go', [gpu(), mac(), nas()], 'All 3 backends are healthy.'],
    ['go', [gpu('recovering'), mac()], 'Both backends are healthy.'],
    ['stop', [gpu('down', 'ECONNREFUSED'), mac()], 'gpu is down: connection refused; start the ML server.'],
    [
      'stop',
      [gpu('down', 'EHOSTUNREACH'), mac()],
      'gpu is down: host unreachable; start the machine or check the network.',
    ],
    [
      'stop',
      [gpu('down', 'timeout'), mac('down', 'timeout'), nas()],
      'gpu and mac are down: timeout; restart the ML server or raise the timeout.',
    ],
    [
      'stop',
      [gpu('ejected', '5 of 8 requests failed'), mac()],
      'gpu is ejected: 5 of 8 requests failed; check the log of the ML server.',
    ],
    ['stop', [gpu('unresolved'), mac()], 'gpu is without an address; correct the host name in the URL.'],
    ['stop', [gpu('down')], 'gpu is down; start the ML server or check its log.'],
    [
      'stop',
      [gpu('down', 'ECONNREFUSED'), mac('drained')],
      'No backend is available: gpu is down: connection refused, mac is drained; start the ML server.',
    ],
    ['wait', [degraded('ejected')], 'mac fails at OCR; check the log of the ML server.'],
    ['wait', [degraded('lacking')], 'mac does not support OCR; other backends take these jobs.'],
    ['wait', [gpu('trial')], 'gpu is on trial; the next request tests it.'],
    ['wait', [gpu('throttled')], 'gpu is throttled; it answers 429, so lower its concurrency limit.'],
    ['off', [asleep, mac()], 'server is asleep; the next job wakes it.'],
    ['off', [asleep], 'server is asleep; the next job wakes it.'],
    ['wait', [{ ...asleep, held: 1 }, mac()], 'server is waking up; jobs are held until it answers.'],
    ['off', [gpu('drained'), mac()], 'gpu is drained; enable it to use it again.'],
    ['off', [gpu('unknown'), mac('unknown')], 'No backend has answered yet.'],
  ])('is "%s" for %j: %s', (tone, backends, text) => {
    expect(verdictsFor(...backends)[0]).toEqual({ tone, text })
  })

  it('names every problem, the worst first', () => {
    expect(verdictsFor(gpu('drained'), degraded('ejected'), nas('down')).map(({ tone }) => tone)).toEqual([
      'stop',
      'wait',
      'off',
    ])
  })

  const notice = (level: NoticeView['level'], message: string) => ({ kind: message, level, message })

  it('takes in the problems of the router itself', () => {
    const notices = [
      notice('info', 'Demo.'),
      notice('error', 'Line 4 is wrong; correct it'),
      notice('warning', 'HTTP/1.0.'),
    ]
    const backends = [gpu('down'), mac('throttled'), nas('drained')]
    expect(verdictsOf(reportOf({ backends, notices })).map(({ text }) => text)).toEqual([
      'Line 4 is wrong; correct it.',
      expect.stringMatching(/^gpu is down/),
      'HTTP/1.0.',
      expect.stringMatching(/^mac is throttled/),
      'Demo.',
      expect.stringMatching(/^nas is drained/),
    ])
  })

  it('puts an outage of all backends before the problems of the router', () => {
    const report = reportOf({ backends: [gpu('down'), mac('down')], notices: [notice('error', 'Line 4.')] })
    expect(verdictsOf(report).map(({ text }) => text)).toEqual([
      expect.stringMatching(/^No backend is available: gpu is down, mac is down; start/),
      'Line 4.',
    ])
  })

  it('mentions failing jobs of the last minute only', () => {
    const verdictOf = (minute: object, quarter = {}) =>
      verdictsOf(
        reportOf({
          backends: [gpu(), mac()],
          windows: {
            minute: windowOf(60_000, { fates: { ...NO_FATES, ...minute } }),
            quarter: windowOf(900_000, { fates: { ...NO_FATES, ...quarter } }),
          },
        }),
      )[0]
    expect(verdictOf({ answered: 20, failed: 2 }).tone).toBe('go')
    expect(verdictOf({ answered: 2000, failed: 3 }).tone).toBe('go')
    expect(verdictOf({ answered: 20, failed: 3 }).text).toBe(
      'Jobs fail; open a failed request below for the reason.',
    )
    expect(verdictOf({ answered: 20, refused: 3 }).text).toMatch(/^The router refuses jobs;/)
    expect(verdictOf({ answered: 20 }, { answered: 20, failed: 300 }).tone).toBe('go')
  })

  it('mentions long waits', () => {
    const first = [{ route: 'all', reason: 'full', at: 0, kind: 'other', job: { entries: [] } }] as const
    const report = reportOf({ backends: [gpu()], waiting: { count: 1, first } })
    const text = 'gpu is healthy, and at its limit: jobs wait for their turn.'
    expect(verdictsOf({ ...report, now: 3_000 })[0]).toEqual({ tone: 'go', text: 'gpu is healthy.' })
    expect(verdictsOf({ ...report, now: 9_000 })[0]).toEqual({ tone: 'go', text })
    expect(verdictsOf({ ...report, now: 11_000 })[0]).toEqual({ tone: 'wait', text })
  })

  it.each(['closing', 'closed'] as const)('says that the router is %s', (state) => {
    expect(verdictsOf(reportOf({ state, backends: [gpu('down')] }))).toEqual([
      { tone: 'off', text: `The router is ${state}.` },
    ])
  })

  it('takes the state of the best endpoint', () => {
    const endpoints = (['down', 'healthy', 'removed'] as const).map((state, i) =>
      backendOf('ml', state, { endpoint: `10.0.0.${i}:3003` }),
    )
    expect(groupsOf(endpoints)).toMatchObject([{ name: 'ml', state: 'healthy', members: endpoints }])
  })
})
