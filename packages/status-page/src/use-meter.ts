import type { RouterStatus } from '@immich-ml-router/core'
import type { BackendUse } from '@immich-ml-router/core/parts'
import type { UsedFor } from './tally.ts'

/** How the backends were used for a while. */
export interface Use {
  /** Its start, on the router's clock. */
  readonly from: number
  /** Its length in milliseconds. */
  readonly time: number
  /** By name. */
  readonly backends: ReadonlyMap<string, UsedFor>
}

const NO_USE: BackendUse = { busy: 0, load: 0 }

/** Reads how the backends were used between two statuses of the router. */
export class UseMeter {
  #last: Pick<RouterStatus, 'now' | 'backends'>

  constructor(status: RouterStatus) {
    this.#last = status
  }

  /** The use since the last status. */
  read(status: RouterStatus): Use {
    const { now: from, backends: before } = this.#last
    this.#last = status
    const known = new Map(before.map((backend) => [idOf(backend), backend.use]))
    const backends = new Map<string, UsedFor>()
    for (const [name, endpoints] of Map.groupBy(status.backends, ({ name }) => name)) {
      const used = endpoints.map((endpoint) => since(known.get(idOf(endpoint)), endpoint.use))
      backends.set(name, {
        busy: meanOf(used.map(({ busy }) => busy)),
        load: meanOf(used.map(({ load }) => load)),
        limit: limitOf(endpoints),
      })
    }
    return { from, time: Math.max(0, status.now - from), backends }
  }
}

/** One that was removed and added again begins at 0. */
function since(before = NO_USE, now: BackendUse): BackendUse {
  const { busy, load } = before.busy <= now.busy ? before : NO_USE
  return { busy: now.busy - busy, load: Math.max(0, now.load - load) }
}

function limitOf(endpoints: RouterStatus['backends']): number | undefined {
  const limits = endpoints.filter(({ leaving }) => !leaving).map(({ limit }) => limit)
  return limits.every((limit) => limit !== undefined)
    ? limits.reduce((sum, limit) => sum + limit, 0)
    : undefined
}

function idOf({ name, url, endpoint }: RouterStatus['backends'][number]): string {
  return JSON.stringify([name, endpoint ?? url])
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}
