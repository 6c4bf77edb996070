import { Child } from '../lib/child.ts'
import type { Progress } from '../lib/progress.ts'
import type { ClassificationTimes, Classifier } from './classifier.ts'
import type { Contender } from './contenders.ts'
import { bodyOf, JOBS } from './jobs.ts'
import { SLOW } from './memory.ts'
import { TYPICAL } from './plan.ts'
import { addFailures, type FirstByte, type MovedBytes } from './results.ts'
import { PROXY_CORE, type Stage } from './stage.ts'

/** Seconds of an upload whose first byte is looked for. */
export const FIRST_BYTE_TIME = 0.5
/** Seconds to look at the system calls of a contender. */
export const MOVED_TIME = 4
/** Seconds of a round of classifications. */
export const CLASSIFICATION_TIME = 0.3

/** When the backend sees the first byte of a body that is still being sent. */
export function lookForFirstBytes(
  stage: Stage,
  contenders: readonly Contender[],
  rounds: number,
  progress: Progress,
): Promise<FirstByte[]> {
  return stage.withAll(contenders, async (entrants) => {
    const results = entrants.map((entrant) => ({ entrant, delays: [] as number[], failures: [] as string[] }))
    for (let round = 1; round <= rounds; round++) {
      for (const { entrant, delays, failures } of results) {
        progress.step(`round ${round}: first byte: ${entrant.contender.label}`, FIRST_BYTE_TIME)
        await stage.backends.call('firstBytes')
        const { sent, failed } = await stage.load.call('firstChunk', entrant.urlFor('image'), SLOW)
        const [seen] = await stage.backends.call('firstBytes')
        if (failed === undefined && seen !== undefined) delays.push(seen - sent)
        else failures.push(failed ?? 'nothing has arrived')
      }
    }
    return results.map(({ entrant, delays, failures }) => ({
      contender: entrant.contender.name,
      delays,
      failures: failures.map((what) => ({ [what]: 1 })).reduce(addFailures, {}),
    }))
  })
}

/** Requests of which the bytes that are moved are an average, and how many of them are under way at once. */
const MOVED_REQUESTS = 64

/** Where strace may not look at other processes, there is nothing. */
export function lookAtMovedBytes(
  stage: Stage,
  contenders: readonly Contender[],
  progress: Progress,
): Promise<MovedBytes[]> {
  return stage.withAll(contenders, async (entrants) => {
    const results: MovedBytes[] = []
    for (const { contender, pid, urlFor } of entrants) {
      if (pid === undefined) continue
      progress.step(`bytes moved: ${contender.label}`, MOVED_TIME)
      for (const { name, backend } of JOBS) {
        try {
          const moved = await stage.load.call('moved', pid, urlFor(backend), name, MOVED_REQUESTS, TYPICAL)
          results.push({ contender: contender.name, job: name, size: bodyOf(name).length, ...moved })
        } catch (error) {
          console.error(`\nbytes moved: left out, ${error instanceof Error ? error.message : error}`)
          return results
        }
      }
    }
    return results
  })
}

/** Classifications of each size in a round. */
const CLASSIFICATIONS = 3_000

export async function compareClassifications(
  module: URL,
  rounds: number,
  progress: Progress,
): Promise<ClassificationTimes[]> {
  if (rounds === 0) return []
  const child = new Child<Classifier>(module, { core: PROXY_CORE })
  try {
    const times: ClassificationTimes[] = []
    for (let round = 0; round <= rounds; round++) {
      progress.step(`round ${round}: classification`, CLASSIFICATION_TIME)
      times.push(await child.call('classify', CLASSIFICATIONS))
    }
    // In the first, code was compiled.
    return times.slice(1)
  } finally {
    await child.stop()
  }
}
