import type { Backend } from '../backend/backend.ts'
import type { Members } from '../backend/pool.ts'

/** The servers that may take a request: those of its route that serve its tasks and are not excluded. */
export class Candidates {
  readonly #members: Members
  readonly #tasks: readonly string[]
  readonly #exclude: ReadonlySet<string>
  #from: readonly Backend[] | undefined
  #now: readonly Backend[] = []

  /** @param exclude Names of backends, and ids of endpoints. */
  constructor(members: Members, tasks: readonly string[], exclude: ReadonlySet<string>) {
    this.#members = members
    this.#tasks = tasks
    this.#exclude = exclude
  }

  /** The current ones: endpoints come and go while a request waits. */
  get now(): readonly Backend[] {
    const { current } = this.#members
    if (current !== this.#from) {
      this.#from = current
      const serving = this.#members.serving(this.#tasks)
      this.#now =
        this.#exclude.size === 0 ? serving : serving.filter((backend) => !isNamed(backend, this.#exclude))
    }
    return this.#now
  }
}

/** Whether it is named, by itself or as an endpoint of its backend. */
export function isNamed({ name, id }: Backend, names: ReadonlySet<string>): boolean {
  return names.has(name) || names.has(id)
}
