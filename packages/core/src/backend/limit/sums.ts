/** Of some jobs: how many, how long they took, and how long they would have taken without a queue; in milliseconds. */
export interface Sums {
  count: number
  level: number
  time: number
  unqueued: number
  /** The last, each divided by how many jobs of its kind it is known from. */
  doubt: number
}

/** By how much the times of jobs of one kind differ, relative to their mean: what images of a library do. */
const SPREAD = 0.35

export function noSums(): Sums {
  return { count: 0, level: 0, time: 0, unqueued: 0, doubt: 0 }
}

export function add(sums: Sums, more: Sums): void {
  sums.count += more.count
  sums.level += more.level
  sums.time += more.time
  sums.unqueued += more.unqueued
  sums.doubt += more.doubt
}

/** Lets what comes count for more than what has been. */
export function halve(sums: Sums): void {
  sums.count /= 2
  sums.level /= 2
  sums.time /= 2
  sums.unqueued /= 2
  sums.doubt /= 2
}

/** Which share of the time would be enough without a queue; above 1, when it was less than that. */
export function shareOf({ time, unqueued }: Sums): number {
  return time > 0 && unqueued > 0 ? unqueued / time : 1
}

/** The standard error of the share, relative to it, from how much the times of single jobs differ. */
export function errorOf({ count, unqueued, doubt }: Sums): number {
  return SPREAD * Math.sqrt(1 / count + (unqueued > 0 ? doubt / unqueued : 1))
}
