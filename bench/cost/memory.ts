import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from './contenders.ts'
import { memoryOf } from './process-usage.ts'
import { addFailures, type Failures, type Growth, type Peak } from './results.ts'
import type { Stage } from './stage.ts'

/** Bytes a second of an upload that is slowed down. */
export const SLOW = 5_000_000
const BODY = 31_000_000
/** What has to be free for those that hold every body several times over. */
const ROOM = 5

/** Uploads at once, and how fast each is. */
export const LOADS: readonly { readonly uploads: number; readonly rate: number | null }[] = [
  { uploads: 32, rate: null },
  { uploads: 32, rate: SLOW },
  { uploads: 64, rate: null },
  { uploads: 64, rate: SLOW },
]

/** About how long it takes, in seconds. */
export function peakTime({ uploads, rate }: (typeof LOADS)[number]): number {
  return 1 + uploads / 16 + (rate === null ? 0 : BODY / rate)
}

export function roomFor(uploads: number): number {
  return uploads * BODY * ROOM
}

/** The most memory that a process of its own takes for uploads at once. */
export async function measurePeak(
  stage: Stage,
  contender: Contender,
  { uploads, rate }: (typeof LOADS)[number],
): Promise<Peak> {
  const entrant = await stage.enter(contender)
  try {
    if (entrant.pid === undefined) throw new Error('there is no process')
    const { seconds, failures } = await stage.load.call('upload', {
      url: entrant.urlFor('image'),
      count: uploads,
      rate,
    })
    const { peak } = memoryOf(entrant.pid)
    return { contender: contender.name, uploads, rate, peak, seconds, failures }
  } finally {
    await entrant.stop()
  }
}

/** Text searches behind which memory is compared. */
export const SOME = 100_000
export const MANY = 1_000_000
/** Between two looks, in seconds. */
const STEP = 1
/** Until memory is looked at when nothing goes on, in milliseconds. */
const REST = 1_000
const CONNECTIONS = 16

/**
 * The memory of a process that carries text searches.
 *
 * @param requests How many.
 * @param patience After so many seconds it is enough.
 * @param onStep Told how many are carried, and about how many are next.
 */
export async function followGrowth(
  stage: Stage,
  contender: Contender,
  requests: number,
  patience: number,
  onStep: (carried: number, next: number) => void,
): Promise<Growth> {
  const entrant = await stage.enter(contender)
  try {
    if (entrant.pid === undefined) throw new Error('there is no process')
    await sleep(REST)
    const samples: [number, number][] = [[0, memoryOf(entrant.pid).rss]]
    let failures: Failures = {}
    const began = performance.now()
    let carried = 0
    for (let next = 0; carried < requests && performance.now() - began < patience * 1000; ) {
      onStep(carried, next)
      const load = {
        url: entrant.urlFor('text'),
        job: 'text',
        connections: CONNECTIONS,
        seconds: STEP,
      } as const
      const result = await stage.load.call('wrk', load)
      next = result.requests
      carried += next
      failures = addFailures(failures, result.failures)
      samples.push([carried, memoryOf(entrant.pid).rss])
    }
    return { contender: contender.name, samples, failures }
  } finally {
    await entrant.stop()
  }
}
