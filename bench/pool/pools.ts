/** A stand-in ML server. */
export interface ServerSpec {
  readonly name: string
  /** Requests that it computes at once; the rest wait there, first in, first out. */
  readonly workers: number
  /** Milliseconds for one unit of work, which is the average image of a smart search. */
  readonly time: number
}

export interface Pool {
  readonly name: string
  readonly title: string
  /** The best first, as a user would list them. */
  readonly servers: readonly ServerSpec[]
  /** A server that is so many times slower in the middle third of a run. */
  readonly slow?: { readonly server: string; readonly factor: number }
}

const server = (name: string, workers: number, time: number): ServerSpec => ({ name, workers, time })
const unequal = [server('gpu', 4, 20), server('mac', 2, 40), server('nas', 1, 200)]

export const POOLS: readonly Pool[] = [
  { name: 'three', title: 'GPU, Mac and NAS', servers: unequal },
  {
    name: 'eight',
    title: 'Eight unequal servers',
    // 20 times from the fastest to the slowest. Slow enough that the way there and back, a millisecond or two, is little
    // beside a job: with 8 or 16 requests in flight none waits at a server, so that every such millisecond is lost.
    servers: [
      ...[server('a', 4, 40), server('b', 2, 60), server('c', 4, 80), server('d', 2, 100)],
      ...[server('e', 2, 160), server('f', 1, 200), server('g', 1, 400), server('h', 1, 800)],
    ],
  },
  // The GPU machine runs a game, or grows hot, for a third of the run.
  { name: 'changing', title: 'A GPU that slows down', servers: unequal, slow: { server: 'gpu', factor: 3 } },
]
