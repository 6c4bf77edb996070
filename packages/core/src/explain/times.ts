import type { Heartbeats } from '../config/patience.ts'
import { resolveTimeouts, type TimeoutOptions } from '../config/timeouts.ts'
import { duration } from './words.ts'

/** `timeouts: response 20 minutes`: the configured ones that differ from the general ones. */
export function timeoutsLine(own: TimeoutOptions | undefined, general?: TimeoutOptions): string[] {
  const [resolved, otherwise] = [resolveTimeouts(own, general), resolveTimeouts(general)]
  const differing = (['connect', 'response', 'idle', 'total'] as const).filter(
    (key) => resolved[key] !== otherwise[key],
  )
  const words = differing.map(
    (key) => `${key} ${Number.isFinite(resolved[key]) ? duration(resolved[key]) : 'unlimited'}`,
  )
  return words.length === 0 ? [] : [`timeouts: ${words.join(', ')}`]
}

/** What a client that waits is sent. */
export function heartbeatWords(beats: Heartbeats | undefined): string {
  if (beats === undefined) return 'nothing'
  return `a sign of life after ${duration(beats.after)}, then every ${duration(beats.every)}`
}
