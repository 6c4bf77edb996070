import { ImmichError } from './immich-error.ts'
import type { QueueSight, QueueWork } from './pauses.ts'

/** How long a backend must have been able to serve a queue, in milliseconds. */
const SETTLED = 30_000
/** The shortest time between two heals of a queue, in milliseconds; it doubles with each heal that jobs are lost after. */
const FIRST_WAIT = 600_000
/** The longest. */
const DAY = 86_400_000

/**
 * Starts Immich's "Missing" for a queue that lost jobs, once its backends work again and it is empty: "Missing" would queue the
 * jobs that still wait a second time, and Immich refuses it while jobs run.
 *
 * @param now Milliseconds since 1970.
 * @returns Whether it was started.
 * @throws {ImmichError}
 */
export async function heal(
  { queue, status, service, lasts }: QueueSight,
  now: number,
  work: QueueWork,
): Promise<boolean> {
  const { state, save, client, log, signal } = work
  const lost = state.lost.get(queue) ?? 0
  if (lost === 0 || service !== 'good' || lasts < SETTLED || status.isPaused || status.remaining > 0)
    return false
  const last = state.heals.get(queue)
  if (last !== undefined && now < last.at + last.wait) return false
  try {
    await client.startMissing(queue, signal)
  } catch (error) {
    if (error instanceof ImmichError && error.kind === 'busy') return false
    throw error
  }
  // Backends that pass their probes and fail every job must not get the whole library every few minutes.
  const isRepeated = last !== undefined && now - last.at < DAY
  state.heals.set(queue, { at: now, wait: isRepeated ? Math.min(2 * last.wait, DAY) : FIRST_WAIT })
  const later = (state.lost.get(queue) ?? 0) - lost
  if (later > 0) state.lost.set(queue, later)
  else state.lost.delete(queue)
  await save()
  log('immich jobs queued again', { queue, lost })
  return true
}
