import type { Strategy } from './strategy.ts'

/** The first backend of the route that can take the request. */
export function first(): Strategy {
  return { ordered: true, pick: ([candidate]) => candidate }
}
