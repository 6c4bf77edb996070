import { isRecord } from './immich-client.ts'
import { QUEUES, type QueueName } from './queue-names.ts'

/** When a queue was healed, in milliseconds since 1970, and for how long it is not healed again. */
export interface Heal {
  readonly at: number
  readonly wait: number
}

/** What has to survive a restart or a crash. */
export interface State {
  /** URL of the Immich that it is about. */
  url: string
  /** Jobs that were lost since the queue was healed. */
  readonly lost: Map<QueueName, number>
  /** Queues that had jobs in the router, which a crash would lose. */
  readonly busy: Set<QueueName>
  /** Queues that the router has paused. */
  readonly paused: Set<QueueName>
  readonly heals: Map<QueueName, Heal>
}

const VERSION = 1

export function emptyState(url: string): State {
  return { url, lost: new Map(), busy: new Set(), paused: new Set(), heals: new Map() }
}

export function stateToJson({ url, lost, busy, paused, heals }: State): string {
  const data = {
    version: VERSION,
    url,
    lost: Object.fromEntries(lost),
    busy: [...busy],
    paused: [...paused],
    heals: Object.fromEntries(heals),
  }
  return `${JSON.stringify(data)}\n`
}

/** @throws {Error} when the text is not a state of this version. */
export function stateFromJson(text: string): State {
  const data: unknown = JSON.parse(text)
  if (!isRecord(data) || data['version'] !== VERSION || typeof data['url'] !== 'string')
    throw new Error(`it is not a state of version ${VERSION}`)
  const state = emptyState(data['url'])
  for (const name of QUEUES) {
    const lost = isRecord(data['lost']) ? data['lost'][name] : undefined
    if (typeof lost === 'number' && lost > 0) state.lost.set(name, lost)
    if (isList(data['busy']) && data['busy'].includes(name)) state.busy.add(name)
    if (isList(data['paused']) && data['paused'].includes(name)) state.paused.add(name)
    const heal = isRecord(data['heals']) ? data['heals'][name] : undefined
    if (isRecord(heal) && typeof heal['at'] === 'number' && typeof heal['wait'] === 'number')
      state.heals.set(name, { at: heal['at'], wait: heal['wait'] })
  }
  return state
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}
