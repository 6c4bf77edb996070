import type { BackendView, HealthState } from '../src/wire.ts'
import type { Standing } from './words.ts'

/** A backend by its name, with all of its endpoints. */
export interface Group {
  readonly name: string
  /** Never none. */
  readonly members: readonly [BackendView, ...BackendView[]]
  /** Of the best of them: what one cannot do, another can. */
  readonly standing: Standing
}

/** Backends by name, in the order in which they come. */
export function groupsOf(backends: readonly BackendView[]): Group[] {
  const byName = new Map<string, [BackendView, ...BackendView[]]>()
  for (const backend of backends) {
    const known = byName.get(backend.name)
    if (known === undefined) byName.set(backend.name, [backend])
    else known.push(backend)
  }
  return [...byName].map(([name, members]) => ({ name, members, standing: standingOf(members) }))
}

/** A machine that is woken when it is wanted may be down for all anybody cares, until somebody does. */
function standingOf(members: Group['members']): Standing {
  const state = bestOf(members)
  if (state !== 'down' || !members.some(({ wakes }) => wakes)) return state
  return members.some(({ waiting }) => waiting > 0) ? 'wanted' : 'asleep'
}

/** From the best to the worst. */
const ORDER = Object.keys({
  well: 0,
  partly: 0,
  recovering: 0,
  busy: 0,
  unknown: 0,
  trial: 0,
  ejected: 0,
  down: 0,
  unresolved: 0,
  drained: 0,
  leaving: 0,
} satisfies Record<HealthState, 0>)

function bestOf(members: Group['members']): HealthState {
  const states = members.map(({ health }) => health.state).filter((state) => state !== 'leaving')
  const [best = 'leaving'] = states.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))
  return best
}
