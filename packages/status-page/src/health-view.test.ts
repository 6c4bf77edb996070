import type { BackendHealth } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { type BackendStatus, backendStatus, healthy } from '../../../test/support/backend-status.ts'
import { healthView } from './health-view.ts'

const NOW = 10_000
const open = { kind: 'open', since: 8_000, until: 15_000, ejections: 1, reason: 'connect' } as const
const trial = { kind: 'trial', since: 8_000, ejections: 1, reason: 'connect' } as const
const recovering = { kind: 'recovering', since: 9_000, limit: 2, failures: 0, ejections: 1 } as const
const up = { kind: 'up', since: 1_000, failures: 0 } as const
const down = { kind: 'down', since: 7_000, reason: 'timeout', successes: 0 } as const

function viewOf(health: Partial<BackendHealth>, rest: Partial<BackendStatus> = {}) {
  return healthView(backendStatus('gpu', { health: { ...healthy, probe: up, ...health }, ...rest }), NOW)
}

describe('the health of a backend', () => {
  it.each<[string, Partial<BackendHealth>, object]>([
    ['healthy', {}, { since: 1_000 }],
    ['healthy', { probe: undefined }, {}],
    ['unknown', { probe: { kind: 'unknown', failures: 0 } }, {}],
    ['drained', { enabled: false, probe: down }, {}],
    ['down', { probe: down, reachable: open }, { reason: 'timeout', since: 7_000 }],
    ['ejected', { reachable: open }, { reason: 'connect', since: 8_000, until: 15_000 }],
    ['trial', { reachable: trial }, { reason: 'connect' }],
    ['trial', { reachable: { ...open, until: NOW } }, { reason: 'connect' }],
    ['throttled', { busyUntil: 12_000, reachable: recovering }, { until: 12_000 }],
    ['healthy', { busyUntil: 9_000 }, {}],
    ['recovering', { reachable: recovering }, { since: 9_000 }],
    [
      'degraded',
      { tasks: { 'ocr/detection': open } },
      { tasks: [{ task: 'ocr/detection', state: 'ejected', until: 15_000 }] },
    ],
    ['healthy', { tasks: { 'ocr/detection': { kind: 'closed', failures: 1 } } }, { tasks: [] }],
    [
      'healthy',
      { lacks: { 'ocr/detection': 20_000, 'clip/textual': 5_000 } },
      { tasks: [{ task: 'ocr/detection', state: 'lacking' }] },
    ],
    ['healthy', { sizeLimit: 2_000_000 }, { sizeLimit: 2_000_000 }],
    [
      'healthy',
      { lastError: { time: 5_000, reason: 'reset' } },
      { lastError: { at: 5_000, reason: 'reset' } },
    ],
  ])('is %s: %#', (state, health, rest) => {
    expect(viewOf(health)).toMatchObject({ state, ...rest })
  })

  it('names the types of jobs that are rejected because of their options', () => {
    expect(viewOf({ lacks: { 'ocr/detection+ocr/recognition (with these options)': 30_000 } }).tasks).toEqual(
      [{ task: 'ocr/detection+ocr/recognition', isSome: true, state: 'lacking', until: 30_000 }],
    )
  })

  it('of a removed or unresolved address takes precedence', () => {
    expect(viewOf({ probe: down }, { leaving: true }).state).toBe('removed')
    expect(viewOf({ enabled: false }, { unresolved: 'gpu has no address yet' })).toMatchObject({
      state: 'unresolved',
      reason: 'gpu has no address yet',
    })
  })

  it('of a drained backend without an address is unresolved', () => {
    expect(viewOf({ enabled: false }, { unresolved: 'no' }).state).toBe('unresolved')
  })
})
