import type { Candidate, Strategy } from './strategy.ts'
import { fullness, Turns } from './turns.ts'

/**
 * The first backend of the route; when it is full, the request waits for it. Its endpoints are equals: the one with the
 * fewest requests in flight for its weight gets the request, and those with as many take turns by weight.
 */
export function first(): Strategy {
  const turns = new Turns()
  return {
    rank(candidates) {
      const place = placesOf(candidates)
      return turns.rank(candidates, place, fullness, inFlightPerWeight).map((candidate) => {
        const { backend } = candidate
        const score = place(candidate)
        const order = score === 0 ? 'first in the list' : `behind ${candidates[0]?.backend.name} in the list`
        const inFlight = backend.endpoint === undefined ? '' : `, ${backend.inFlight} in flight there`
        return { backend, score, reason: () => order + inFlight }
      })
    },
    picked: (backend) => turns.picked(backend),
  }
}

/** The place of a candidate's backend among the candidates, from 0; its endpoints share one. */
export function placesOf(candidates: readonly Candidate[]): (candidate: Candidate) => number {
  const places = new Map<string, number>()
  for (const { backend } of candidates) if (!places.has(backend.name)) places.set(backend.name, places.size)
  return ({ backend }) => places.get(backend.name) ?? 0
}

/** Compares the endpoints of one backend. */
export function inFlightPerWeight({ backend }: Candidate): number {
  return backend.inFlight / backend.weight
}
