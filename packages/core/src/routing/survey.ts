import type { Backend } from '../backend/backend.ts'
import type { Candidate } from '../balance/strategy.ts'
import type { CompiledRoute } from './compile-policy.ts'
import { type Choice, isThere, obstacleOf } from './look.ts'

/** What has to be known of all candidates to decide most requests, in one pass. */
export interface Survey {
  /** Of the best tier that is available: those that can take the request now, or as soon as a request there ends. */
  readonly candidates: readonly Candidate[]
  /** Whether a backend of any tier is available, and at its limit. */
  readonly full: boolean
  /** Whether one of the candidates can take the request now. */
  readonly free: boolean
  /** When time removes the first obstacle, on the clock. */
  readonly until: number
}

export function survey(choice: Choice, backends: readonly Backend[], { spill }: CompiledRoute): Survey {
  let candidates: Candidate[] = []
  let tier = Number.POSITIVE_INFINITY
  let full = false
  let free = false
  let until = Number.POSITIVE_INFINITY
  for (const backend of backends) {
    const obstacle = obstacleOf(choice, backend)
    if (obstacle !== undefined) {
      if (obstacle.until < until) until = obstacle.until
      if (!isThere(obstacle)) continue
      full = true
      if (spill) continue
    }
    if (backend.tier > tier) continue
    if (backend.tier < tier) {
      tier = backend.tier
      candidates = []
      free = false
    }
    candidates.push({ backend, isFull: obstacle !== undefined })
    if (obstacle === undefined) free = true
  }
  return { candidates, full, free, until }
}
