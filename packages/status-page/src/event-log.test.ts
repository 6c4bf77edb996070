import { EventEmitter } from 'node:events'
import type { RouterEvents } from '@immich-ml-router/core'
import type { BreakerState, GroupChange } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { NOON, Script } from './archive.fixture.ts'
import { defaults } from './defaults.ts'
import { watchEvents } from './event-log.ts'

/** A script whose router emits events. */
function watched() {
  const script = new Script()
  const events = new EventEmitter()
  const on = <E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void) => {
    events.on(event, listener)
    return () => events.off(event, listener)
  }
  const stop = watchEvents({ on }, (event) => script.archive.note(event))
  return {
    script,
    stop,
    events,
    backend: (change: GroupChange, backend = 'gpu') =>
      events.emit('backend', { backend, endpoint: undefined, ...change }),
    kinds: () =>
      script.events.map(({ kind, reason, task }) => [kind, task, reason].filter(Boolean).join(' ')),
  }
}

const unknown = { kind: 'unknown', failures: 0 } as const
const up = { kind: 'up', since: 0, failures: 0 } as const
const down = { kind: 'down', since: 0, reason: 'connect', successes: 0 } as const
const closed: BreakerState = { kind: 'closed', failures: 0 }
const open: BreakerState = { kind: 'open', since: 0, until: 10_000, ejections: 1, reason: 'reset' }
const trial: BreakerState = { kind: 'trial', since: 0, ejections: 1, reason: 'reset' }
const recovering: BreakerState = { kind: 'recovering', since: 0, limit: 1, failures: 0, ejections: 1 }

describe('events', () => {
  it('tell when a backend goes down and comes back, by itself or woken', () => {
    const { backend, kinds } = watched()
    backend({ kind: 'probe', from: unknown, to: up })
    backend({ kind: 'probe', from: up, to: down })
    backend({ kind: 'probe', from: down, to: up })
    backend({ kind: 'probe', from: up, to: down })
    backend({ kind: 'wanted', error: new Error('no network') })
    backend({ kind: 'wanted', error: undefined }, 'nas')
    backend({ kind: 'probe', from: down, to: up })
    backend({ kind: 'wanted', error: undefined })
    backend({ kind: 'probe', from: up, to: down })
    backend({ kind: 'wanted', error: undefined })
    backend({ kind: 'probe', from: down, to: up })
    expect(kinds()).toEqual(['down connect', 'up', 'down connect', 'up', 'down connect', 'woken'])
  })

  it('tell an ejection once, however many trials fail', () => {
    const { backend, kinds } = watched()
    const change = (from: BreakerState, to: BreakerState, task?: string) =>
      backend({ kind: 'breaker', task, from, to })
    change(closed, open)
    change(open, trial)
    change(trial, open)
    change(open, trial)
    change(trial, recovering)
    change(recovering, closed)
    change(closed, open, 'ocr/detection')
    change(recovering, open, 'ocr/detection')
    change(recovering, closed, 'ocr/detection')
    expect(kinds()).toEqual([
      'ejected reset',
      'recovered',
      'ejected ocr/detection reset',
      'ejected ocr/detection reset',
      'recovered ocr/detection',
    ])
  })

  it('tell what an admin does, and stop with the page', () => {
    const { backend, events, kinds, stop } = watched()
    backend({ kind: 'enabled', enabled: false })
    backend({ kind: 'enabled', enabled: true })
    backend({ kind: 'busy', until: 1 })
    events.emit('reload')
    expect(kinds()).toEqual(['drained', 'enabled', 'reloaded'])
    stop()
    expect(events.eventNames()).toEqual([])
  })

  it('have ids and the time of day, and are bounded in number, size and age', () => {
    const script = new Script()
    for (let i = 0; i < defaults.events + 5; i++) script.archive.note({ kind: 'down', backend: `b${i}` })
    const { events } = script
    expect([events.length, events[0]?.backend, events[0]?.at]).toEqual([defaults.events, 'b5', NOON])
    expect(script.views(false, events.at(-2)?.id).events).toEqual(events.slice(-1))
    script.pass(defaults.day)
    expect(script.events).toEqual([])
    const { backend, script: other } = watched()
    backend({ kind: 'probe', from: up, to: { ...down, reason: 'x'.repeat(5_000) } }, 'y'.repeat(5_000))
    expect(JSON.stringify(other.events).length).toBeLessThan(1_000)
  })
})
