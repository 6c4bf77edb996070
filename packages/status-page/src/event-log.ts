import type { Router } from '@immich-ml-router/core'
import type { BackendEvent, BreakerState } from '@immich-ml-router/core/parts'
import { shorten } from '@immich-ml-router/core/parts'
import { defaults } from './defaults.ts'
import { Ring } from './ring.ts'
import type { EventView } from './wire.ts'

/** Characters of a reason. */
const LONGEST_REASON = 300

type Noted = Omit<EventView, 'id' | 'at' | 'backend' | 'endpoint'>

/** The last events. Their ids are numbers of changes. */
export class EventLog {
  readonly #events = new Ring<EventView>(defaults.events)

  add(event: EventView): void {
    this.#events.add(event)
  }

  changedSince(change: number, now: number): EventView[] {
    return this.#events.items.filter(({ id, at }) => id > change && at > now - defaults.day)
  }
}

/** Listens to what happens to a router and to its backends. @returns Stops listening. */
export function watchEvents(
  router: Pick<Router, 'on'>,
  onEvent: (event: Omit<EventView, 'id' | 'at'>) => void,
): () => void {
  /** Backends that were woken since they went down. */
  const woken = new Set<string>()
  const stop = [
    router.on('reload', () => onEvent({ kind: 'reloaded' })),
    router.on('backend', (event) => {
      const noted = eventOf(event, woken)
      const { backend, endpoint } = event
      if (noted !== undefined) onEvent({ ...noted, backend: shorten(backend), endpoint })
    }),
  ]
  return () => {
    for (const end of stop) end()
  }
}

function eventOf(event: BackendEvent, woken: Set<string>): Noted | undefined {
  switch (event.kind) {
    case 'probe':
      if (event.to.kind === 'down') {
        woken.delete(event.backend)
        return { kind: 'down', reason: shorten(event.to.reason, LONGEST_REASON) }
      }
      // The first answer after the start is not an event.
      if (event.from.kind !== 'down') return undefined
      return { kind: woken.delete(event.backend) ? 'woken' : 'up' }
    case 'wanted':
      if (event.error === undefined) woken.add(event.backend)
      return undefined
    case 'breaker':
      return breakerEvent(event)
    case 'enabled':
      return { kind: event.enabled ? 'enabled' : 'drained' }
    case 'removed':
      woken.delete(event.backend)
      return undefined
    default:
      return undefined
  }
}

/** An ejection that goes on after a failed trial is one event. */
function breakerEvent({
  task,
  from,
  to,
}: {
  readonly task: string | undefined
  readonly from: BreakerState
  readonly to: BreakerState
}): Noted | undefined {
  const about = task === undefined ? {} : { task: shorten(task) }
  if (to.kind === 'open' && from.kind !== 'trial')
    return { kind: 'ejected', ...about, reason: shorten(to.reason, LONGEST_REASON) }
  return to.kind === 'closed' && from.kind !== 'closed' ? { kind: 'recovered', ...about } : undefined
}
