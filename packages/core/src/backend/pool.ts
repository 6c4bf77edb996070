import { defaults } from '../config/defaults.ts'
import { keepLatest } from '../keep-latest.ts'
import type { Backend } from './backend.ts'
import type { BackendGroup, GroupSettings } from './backend-group.ts'
import { boundedKey } from './job-keys.ts'

/** The servers of some backends, in the order of these. */
export interface Members {
  /** As they are now: another array each time that they have changed, and only then. */
  readonly current: readonly Backend[]
  /** The backends that serve all of these tasks: the same array until the tasks or the backends change. */
  serving(tasks: readonly string[]): readonly Backend[]
}

/** What has become of the backends with other settings. */
export interface PoolChanges {
  readonly added: readonly BackendGroup[]
  /** They get nothing more. What is running there goes on. */
  readonly removed: readonly BackendGroup[]
}

/** Makes a backend. @param onMembers Its members have changed. */
export type MakeGroup = (name: string, settings: GroupSettings, onMembers: () => void) => BackendGroup

/** The backends with their live state. Which there are, and which servers, may change at any time. */
export class Pool {
  readonly #make: MakeGroup
  #groups: readonly BackendGroup[] = []
  /** They are no backends any more, and requests are still running there. */
  readonly #leaving = new Set<BackendGroup>()
  #views: View[] = []
  readonly #listeners = new Set<() => void>()

  constructor(make: MakeGroup) {
    this.#make = make
  }

  get groups(): readonly BackendGroup[] {
    return this.#groups
  }

  /** @throws {RangeError} when there is no backend of this name. */
  group(name: string): BackendGroup {
    const group = this.#groups.find((candidate) => candidate.name === name)
    if (group !== undefined) return group
    const names = this.#groups.map((candidate) => candidate.name).join(', ')
    throw new RangeError(`"${name}" is not among the backends: ${names}.`)
  }

  /** Every server that requests may go to. */
  get members(): readonly Backend[] {
    return this.#groups.flatMap(({ members }) => members)
  }

  /** The servers that get nothing more, and where requests are still running. */
  get leaving(): readonly Backend[] {
    return [...this.#groups, ...this.#leaving].flatMap(({ leaving }) => leaving)
  }

  /**
   * Has these backends. A known one, by its name and what is meant by it, gets its settings and keeps its state. Earlier
   * {@link Pool.membersOf} are not updated any more.
   */
  configure(settings: ReadonlyMap<string, GroupSettings>): PoolChanges {
    const before = this.#groups
    const next = [...settings].map(([name, its]) => {
      const known = [...before, ...this.#leaving].find((group) => group.name === name && group.isMeantBy(its))
      const group: BackendGroup = known ?? this.#make(name, its, () => this.#changed(group))
      return { its, known, group }
    })
    this.#groups = next.map(({ group }) => group)
    for (const { its, known } of next) known?.configure(its)
    const added = this.#groups.filter((group) => !before.includes(group))
    const removed = before.filter((group) => !this.#groups.includes(group))
    this.#views = []
    for (const group of added) if (this.#leaving.delete(group)) group.comeBack()
    for (const group of removed) this.#leave(group)
    return { added, removed }
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

  #leave(group: BackendGroup): void {
    this.#leaving.add(group)
    group.leave().then(() => {
      // It may have come back by now.
      if (!this.#groups.includes(group)) this.#leaving.delete(group)
    })
  }

  #changed(group: BackendGroup): void {
    for (const view of this.#views) view.heed(group)
    for (const listener of this.#listeners) listener()
  }
}

class View implements Members {
  readonly #groups: readonly BackendGroup[]
  current: readonly Backend[] = []
  /** By the names of the tasks. */
  readonly #serving = new Map<string, readonly Backend[]>()

  constructor(groups: readonly BackendGroup[]) {
    this.#groups = groups
    this.#see()
  }

  serving(tasks: readonly string[]): readonly Backend[] {
    const key = boundedKey(tasks, '\0')
    const known = this.#serving.get(key)
    if (known !== undefined) return known
    const filtered = this.current.filter((backend) => backend.serves(tasks))
    const serving = filtered.length === this.current.length ? this.current : filtered
    // Names of tasks come from clients, and must not fill the memory.
    keepLatest(this.#serving, key, serving, defaults.mostTasks)
    return serving
  }

  heed(changed: BackendGroup): void {
    if (this.#groups.includes(changed)) this.#see()
  }

  #see(): void {
    this.current = this.#groups.flatMap(({ members }) => members)
    this.#serving.clear()
  }
}
