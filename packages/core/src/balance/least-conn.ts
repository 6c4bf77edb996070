import { inFlightPerWeight, placesOf } from './first.ts'
import type { Candidate, Strategy } from './strategy.ts'
import { fullness, Turns } from './turns.ts'

/**
 * The free backend with the fewest requests in flight for its weight, counting the one to be sent; the first of equals.
 * Equal endpoints of one backend take turns.
 */
export function leastConn(): Strategy {
  const turns = new Turns()
  return {
    rank: (candidates) =>
      turns.rank(candidates, fullness, loadOf, placesOf(candidates), inFlightPerWeight).map((candidate) => ({
        backend: candidate.backend,
        score: loadOf(candidate),
        reason: () => reasonFor(candidate),
      })),
    picked: (backend) => turns.picked(backend),
  }
}

function loadOf({ backend: { inFlight, weight } }: Candidate): number {
  return (inFlight + 1) / weight
}

function reasonFor({ backend: { inFlight, weight } }: Candidate): string {
  return weight === 1 ? `${inFlight} in flight` : `${inFlight} in flight for its weight of ${weight}`
}
