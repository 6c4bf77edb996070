/** A stand-in ML server. */
export interface ServerSpec {
  readonly name: string
  /** Requests that it computes at once; the rest wait there, first in, first out. */
  readonly workers: number
  /** How long it takes for one unit of work, which is the average image of a smart search, in milliseconds. */
  readonly time: number
}

export interface Pool {
  readonly name: string
  readonly title: string
  /** The best first, as a user would list them. */
  readonly servers: readonly [ServerSpec, ...ServerSpec[]]
  /** A server that is so many times slower in the middle third of a run. */
  readonly slow?: { readonly server: string; readonly factor: number }
}

const unequal: Pool['servers'] = [
  { name: 'gpu', workers: 4, time: 20 },
  { name: 'mac', workers: 2, time: 40 },
  { name: 'nas', workers: 1, time: 200 },
]

export const POOLS: readonly Pool[] = [
  { name: 'three', title: 'GPU, Mac and NAS', servers: unequal },
  {
    name: 'eight',
    title: 'Eight unequal servers',
    // 20 times from the fastest to the slowest. Slow enough that the way there and back, a millisecond or two, is little
    // beside a job: with 8 or 16 requests in flight none waits at a server, so that every such millisecond is lost.
    servers: [
      { name: 'a', workers: 4, time: 40 },
      { name: 'b', workers: 2, time: 60 },
      { name: 'c', workers: 4, time: 80 },
      { name: 'd', workers: 2, time: 100 },
      { name: 'e', workers: 2, time: 160 },
      { name: 'f', workers: 1, time: 200 },
      { name: 'g', workers: 1, time: 400 },
      { name: 'h', workers: 1, time: 800 },
    ],
  },
  {
    // The GPU machine gets a game to play, or grows hot, for a third of the run.
    name: 'changing',
    title: 'A GPU that slows down',
    servers: unequal,
    slow: { server: 'gpu', factor: 3 },
  },
]
