import type { Clock } from '@immich-ml-router/core'

/** A clock that is so many times faster than the real one: minutes pass in seconds. */
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
