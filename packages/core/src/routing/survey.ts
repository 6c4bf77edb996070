import { type Backend, latestVersion } from '../backend/backend.ts'
import type { CompiledRoute } from './compile-policy.ts'
import { type Choice, isThere, obstacleOf } from './look.ts'

/** What is to be known of all candidates for most requests: one pass, since there may be a thousand. */
export interface Survey {
  /**
   * Of those of the best tier that has any that is there: the ones that can be used now, and those that are full with a
   * strategy that would perhaps rather wait for one.
   */
  readonly from: readonly Backend[]
  /** Whether one is there, and has as many requests as it may have. */
  readonly full: boolean
  /** Whether one can be used now. */
  readonly free: boolean
  /** When the first obstacle ends that time takes away, on the clock. */
  readonly until: number
  /** Whether it is the same for everybody who is as urgent, until one of the candidates changes. */
  readonly isPlain: boolean
}

/**
 * Where the order says which is best, and unless requests `spill`, only the first of a tier counts, with all of its
 * endpoints: it may be full, and it takes `spill` for a request to go elsewhere rather than to wait.
 */
export function survey(choice: Choice, backends: readonly Backend[], route: CompiledRoute): Survey {
  const { strategy, spill } = route
  const inOrder = strategy.ordered === true && !spill
  let from: Backend[] = []
  let tier = Number.POSITIVE_INFINITY
  let name: string | undefined
  let full = false
  let free = false
  let until = Number.POSITIVE_INFINITY
  let isPlain = true
  for (const backend of backends) {
    if (!backend.isPlain) isPlain = false
    const obstacle = obstacleOf(choice, backend)
    if (obstacle === undefined) free = true
    else {
      if (obstacle.until < until) until = obstacle.until
      if (!isThere(obstacle)) continue
      full = true
      if (spill) continue
    }
    if (backend.tier > tier) continue
    if (backend.tier < tier) {
      tier = backend.tier
      name = backend.name
      from = []
    } else if (inOrder && backend.name !== name) continue
    if (obstacle === undefined || (strategy.waits === true && obstacle.kind === 'full')) from.push(backend)
  }
  return { from, full, free, until, isPlain }
}

/** Keeps the last survey for as long as it holds: of those who wait, one kind after the other is tried, and sees the same. */
export class Surveys {
  #backends: readonly Backend[] = []
  #urgent = false
  #version = 0
  #last: Survey | undefined

  of(choice: Choice, backends: readonly Backend[], route: CompiledRoute): Survey {
    const urgent = choice.priority > 0
    const version = latestVersion()
    const holds = backends === this.#backends && urgent === this.#urgent && version === this.#version
    if (holds && this.#last !== undefined) return this.#last
    const seen = survey(choice, backends, route)
    this.#backends = backends
    this.#urgent = urgent
    this.#version = version
    this.#last = seen.isPlain ? seen : undefined
    return seen
  }
}
