import { expect, it } from 'vitest'
import { type Counted, RouteWaits } from './route-waits.ts'

it('counts waiting requests by reason and class', () => {
  const waits = new RouteWaits<Counted>()
  const queued: Counted = { reason: 'full', isInteractive: false }
  const heldBulk: Counted = { reason: 'unavailable', isInteractive: false }
  const heldSearch: Counted = { reason: 'unavailable', isInteractive: true }
  for (const wait of [queued, heldBulk, heldSearch]) waits.add(wait)
  expect([waits.size, waits.held, waits.heldBulk, [...waits]]).toEqual([
    3,
    2,
    1,
    [queued, heldBulk, heldSearch],
  ])
  waits.delete(heldBulk)
  waits.delete(heldBulk)
  expect([waits.size, waits.held, waits.heldBulk]).toEqual([2, 1, 0])
})
