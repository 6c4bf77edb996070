import { defaults } from '../config/defaults.ts'
import type { RequestEvent } from '../router/router.ts'
import { type Decision, decisionOf } from './decision-view.ts'
import { History } from './history.ts'
import { Ring } from './ring.ts'

/**
 * What there is to see when somebody opens the page: the last requests, and the last minutes. It listens while nobody looks,
 * too, so that it does as little as it can: nothing is put into words or JSON before somebody asks.
 */
export class Recorder {
  readonly history = new History()
  readonly #last = new Ring<Decision>(defaults.statusDecisions)
  /** Of those that did not simply go well, so that what goes well does not push them out. */
  readonly #troubles = new Ring<Decision>(defaults.statusTroubles)
  #count = 0

  /** How many requests it has seen: the id of the last. */
  get count(): number {
    return this.#count
  }

  /** A request is over. */
  readonly record = (event: RequestEvent): void => {
    const decision = decisionOf(event, ++this.#count)
    this.#last.add(decision)
    if (decision.fate !== 'answered') this.#troubles.add(decision)
    const { start, fate, kind, steps, attempts } = decision
    this.history.add({
      at: start + steps.total,
      fate,
      kind,
      time: steps.total,
      backend: attempts.at(-1)?.backend,
    })
  }

  /** Those behind this id that are still known, oldest first. */
  decisionsSince(id: number): Decision[] {
    const last = this.#last.items
    const [oldest] = last
    const earlier = this.#troubles.items.filter((decision) => oldest !== undefined && decision.id < oldest.id)
    return [...earlier, ...last].filter((decision) => decision.id > id)
  }
}
