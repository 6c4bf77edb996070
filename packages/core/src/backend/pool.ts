import type { Backend } from './backend.ts'
import type { BackendGroup } from './backend-group.ts'

/** The servers of some backends, in the order of these. */
export interface Members {
  /** As they are now: another array each time that they have changed, and only then. */
  readonly current: readonly Backend[]
}

/** The backends with their live state. Which servers there are may change at any time. */
export class Pool {
  readonly groups: readonly BackendGroup[]
  readonly #views: View[] = []
  readonly #listeners = new Set<() => void>()

  constructor(groups: readonly BackendGroup[]) {
    this.groups = groups
    for (const group of groups) group.onMembers(() => this.#changed(group))
  }

  /** @throws {RangeError} when there is no backend of this name. */
  group(name: string): BackendGroup {
    const group = this.groups.find((candidate) => candidate.name === name)
    if (group !== undefined) return group
    const names = this.groups.map((candidate) => candidate.name).join(', ')
    throw new RangeError(`"${name}" is not among the backends: ${names}.`)
  }

  /** Every server that requests may go to. */
  get members(): readonly Backend[] {
    return this.groups.flatMap(({ members }) => members)
  }

  /**
   * The servers of these backends, now and later.
   *
   * @throws {RangeError} when there is no backend of such a name.
   */
  membersOf(names: readonly string[]): Members {
    const view = new View(names.map((name) => this.group(name)))
    this.#views.push(view)
    return view
  }

  /** Listens to changes of which servers there are. @returns What ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #changed(group: BackendGroup): void {
    for (const view of this.#views) view.heed(group)
    for (const listener of this.#listeners) listener()
  }
}

class View implements Members {
  readonly #groups: readonly BackendGroup[]
  current: readonly Backend[]

  constructor(groups: readonly BackendGroup[]) {
    this.#groups = groups
    this.current = groups.flatMap(({ members }) => members)
  }

  heed(changed: BackendGroup): void {
    if (this.#groups.includes(changed)) this.current = this.#groups.flatMap(({ members }) => members)
  }
}
