import { expect, it } from 'vitest'
import type { LoopUse } from '../../clock.ts'
import { beyondLoop } from './beyond-loop.ts'

const began: LoopUse = { busy: 1_000, turns: 50 }

it.each<[what: string, time: number, busy: number, turns: number, left: number]>([
  ['idle', 80, 0, 1, 80],
  ['idle but for the request itself', 80, 2, 3, 78],
  ['busy from the begin to the end, of which the request may have waited for all', 80, 80, 2, 0.1],
  ['blocked for a while', 500, 450, 4, 50],
  ['busy all the time, in many turns, of which the request needs few', 800, 800, 160, 760],
  ['busy for longer, since it counts the time in which the client was slow, too', 20, 80, 2, 0.1],
  ['busy, and the request took no time at all', 0, 1, 1, 0],
])('with a loop that was %s: %d ms, %d busy, %d turns', (_, time, busy, turns, left) => {
  const ended = { busy: began.busy + busy, turns: began.turns + turns }
  expect(beyondLoop(time, began, ended)).toBeCloseTo(left, 6)
})
