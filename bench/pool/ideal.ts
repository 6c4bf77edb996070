import { sum } from '../lib/stats.ts'
import type { Pool, ServerSpec } from './pools.ts'

/**
 * Units of work a second that a pool does at best with so many requests in flight: the work of its fastest workers.
 *
 * @param slow Whether its changing server is slow.
 */
export function capacity(pool: Pool, inFlight: number, slow = false): number {
  const rate = ({ name, time }: ServerSpec) =>
    1000 / (slow && pool.slow?.server === name ? time * pool.slow.factor : time)
  const rates = pool.servers.flatMap((server) => Array<number>(server.workers).fill(rate(server)))
  return sum(rates.sort((a, b) => b - a).slice(0, inFlight))
}

/** The part of a run in which the changing server is slow: from and to, as shares of it. */
export const SLOW_PART = [1 / 3, 2 / 3] as const

/** Units of work that a pool does at best in a run of so many seconds. */
export function idealWork(pool: Pool, inFlight: number, seconds: number): number {
  const [from, to] = SLOW_PART
  const slow = pool.slow === undefined ? 0 : to - from
  return seconds * ((1 - slow) * capacity(pool, inFlight) + slow * capacity(pool, inFlight, true))
}

/** The shortest time in ms for an import of so much work: by what the pool can do, and the last image's own time. */
export function idealMakespan(pool: Pool, inFlight: number, work: number): number {
  return (work / capacity(pool, inFlight)) * 1000 + Math.min(...pool.servers.map(({ time }) => time))
}
