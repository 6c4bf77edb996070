import type { Clock } from '@immich-ml-router/core'

/** A clock that runs `factor` times faster than real time. */
export function fastClock(factor: number): Clock {
  const start = performance.now()
  return {
    now: () => (performance.now() - start) * factor,
    after(milliseconds, callback) {
      const timer = setTimeout(callback, Math.min(milliseconds / factor, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
}
