import type { BackendView, HealthState } from '../src/wire.ts'
import type { DisplayState } from './words.ts'

/** A backend with all of its endpoints. */
export interface Group {
  readonly name: string
  /** At least one. */
  readonly members: readonly [BackendView, ...BackendView[]]
  /** The state of the best endpoint, since any endpoint can take a request. */
  readonly state: DisplayState
}

/** Groups endpoints by the backend's name, in the order of the report. */
export function groupsOf(backends: readonly BackendView[]): Group[] {
  const byName = new Map<string, [BackendView, ...BackendView[]]>()
  for (const backend of backends) {
    const known = byName.get(backend.name)
    if (known === undefined) byName.set(backend.name, [backend])
    else known.push(backend)
  }
  return [...byName].map(([name, members]) => ({ name, members, state: stateOf(members) }))
}

/** A machine that can be woken is asleep when it is down, until a request waits for it. */
function stateOf(members: Group['members']): DisplayState {
  const state = bestOf(members)
  if (state !== 'down' || !members.some(({ wakes }) => wakes)) return state
  return members.some(({ queued, held }) => queued + held > 0) ? 'waking' : 'asleep'
}

/** From best to worst. */
const ORDER = Object.keys({
  healthy: 0,
  degraded: 0,
  recovering: 0,
  throttled: 0,
  unknown: 0,
  trial: 0,
  ejected: 0,
  down: 0,
  unresolved: 0,
  drained: 0,
  removed: 0,
} satisfies Record<HealthState, 0>)

function bestOf(members: Group['members']): HealthState {
  const states = members.map(({ health }) => health.state).filter((state) => state !== 'removed')
  const [best = 'removed'] = states.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))
  return best
}
