import { setTimeout as sleep } from 'node:timers/promises'
import type { Say } from '../lib/bench.ts'
import { Child } from '../lib/child.ts'
import { addCounts, type Counts } from '../lib/stats.ts'
import type { Classifier } from './classifier.ts'
import type { Contender } from './contenders.ts'
import { type BackendName, bodyOf, JOBS } from './jobs.ts'
import type { Cell, FirstByte, Growth, MovedBytes, Peak, Round, Settings } from './results.ts'
import { type Entrant, PROXY_CORE, type Stage } from './stage.ts'
import { cpuTimeOf, freeMemory, isIdle, memoryOf } from './system.ts'

/** The number of connections of the targets, and the one for added latency. */
export const TYPICAL = 16
export const ALONE = 1
/** Bytes a second of an upload that is slowed down. */
const SLOW = 5_000_000

type Job = (typeof JOBS)[number]

/** What stands side by side in a table. */
export interface Planned {
  readonly job: Job
  readonly connections: number
  readonly contenders: readonly Contender[]
}

/** In each round, everything once, the contenders one after the other. All of them run all the time. */
export function rounds(
  stage: Stage,
  cells: readonly Planned[],
  settings: Settings,
  say: Say,
): Promise<Cell[]> {
  const { seconds } = settings
  const contenders = new Set(cells.flatMap((cell) => cell.contenders))
  return stage.withAll([...contenders], async (entrants) => {
    const entries = cells.flatMap(({ job, connections, contenders: own }) =>
      entrants
        .filter(({ contender }) => own.includes(contender))
        .map((entrant) => ({ job, connections, entrant, figures: [] as Figures[] })),
    )
    await stage.backends.call('arrivals')
    for (let round = 0; round <= settings.rounds; round++) {
      for (const { job, connections, entrant, figures } of entries) {
        // Round 0 compiles code and makes connections.
        if (round === 0 && (connections !== TYPICAL || !isOfTargets(job.name))) continue
        say(`round ${round}: ${job.title}, ${connections} connections: ${entrant.contender.label}`)
        const measured = await measure(stage, entrant, job, connections, seconds)
        if (round > 0) figures.push(measured)
      }
    }
    return entries.map(({ entrant, job, connections, figures }) => ({
      contender: entrant.contender.name,
      job: job.name,
      connections,
      rounds: figures.map(({ round }) => round),
      failures: figures.map(({ failures }) => failures).reduce(addCounts, {}),
    }))
  })
}

export function isOfTargets(job: string): boolean {
  return job === 'text' || job === '500k'
}

interface Figures {
  readonly round: Round
  readonly failures: Counts
}

async function measure(
  stage: Stage,
  { contender, pid, urlFor }: Entrant,
  job: Job,
  connections: number,
  seconds: number,
): Promise<Figures> {
  const before = pid === undefined ? Number.NaN : cpuTimeOf(pid)
  const result = await stage.load.call('wrk', urlFor(job.backend), job.name, connections, seconds)
  const cpu = pid === undefined ? null : ((cpuTimeOf(pid) - before) / result.requests) * 1e6
  const arrived = await arrivals(stage, pid)
  const elsewhere = arrived[stage.destination(contender, job) === 'text' ? 'image' : 'text']
  const { requests, p50, p99, failures } = result
  return {
    round: { rate: requests / result.seconds, p50, p99, cpu },
    failures: {
      ...failures,
      ...(elsewhere === 0 ? {} : { 'wrong backend': elsewhere }),
      ...(requests > 0 ? {} : { 'no answer': 1 }),
    },
  }
}

/** After a run of wrk, its aborted requests are over when nothing has come for so long, in ms, or after so many times. */
const [PAUSE, MOST_PAUSES] = [100, 50]

async function arrivals(stage: Stage, pid: number | undefined): Promise<Record<BackendName, number>> {
  const all = { text: 0, image: 0 }
  for (let pauses = 0; pauses < MOST_PAUSES; pauses++) {
    const { text, image } = await stage.backends.call('arrivals')
    all.text += text
    all.image += image
    if (pauses > 0 && text + image === 0 && (pid === undefined || isIdle(pid))) break
    await sleep(PAUSE)
  }
  return all
}

/** When the backend sees the first byte of a body that is still being sent. */
export function firstBytes(
  stage: Stage,
  contenders: readonly Contender[],
  count: number,
  say: Say,
): Promise<FirstByte[]> {
  return stage.withAll(contenders, async (entrants) => {
    const results = entrants.map((entrant) => ({ entrant, delays: [] as number[], failures: {} as Counts }))
    for (let round = 1; round <= count; round++) {
      for (const result of results) {
        const { contender, urlFor } = result.entrant
        say(`round ${round}: first byte: ${contender.label}`)
        await stage.backends.call('firstByte')
        const { sent, failures } = await stage.load.call('upload', urlFor('image'), '2m', 1, SLOW)
        const seen = await stage.backends.call('firstByte')
        result.failures = addCounts(result.failures, failures)
        if (seen !== null) result.delays.push(seen - sent)
      }
    }
    return results.map(({ entrant, ...result }) => ({ contender: entrant.contender.name, ...result }))
  })
}

/** Requests that the bytes are an average of. */
const MOVED_REQUESTS = 64

/** Where strace may not look at other processes, there are no results. */
export function movedBytes(stage: Stage, contenders: readonly Contender[], say: Say): Promise<MovedBytes[]> {
  return stage.withAll(contenders, async (entrants) => {
    const results: MovedBytes[] = []
    for (const { contender, pid = 0, urlFor } of entrants) {
      say(`bytes moved: ${contender.label}`)
      for (const { name, backend } of JOBS) {
        try {
          const moved = await stage.load.call('moved', pid, urlFor(backend), name, MOVED_REQUESTS, TYPICAL)
          results.push({ contender: contender.name, job: name, size: bodyOf(name).length, ...moved })
        } catch (error) {
          console.error(`bytes moved: left out, ${error instanceof Error ? error.message : error}`)
          return results
        }
      }
    }
    return results
  })
}

/** Classifications of each size in a round. */
const CLASSIFICATIONS = 3_000

export async function classifications(module: URL, count: number, say: Say) {
  const child = new Child<Classifier>(module, PROXY_CORE)
  try {
    const times: { small: number; large: number }[] = []
    for (let round = 0; round <= count; round++) {
      say(`round ${round}: classification`)
      times.push(await child.call('classify', CLASSIFICATIONS))
    }
    // In the first, code was compiled.
    return times.slice(1)
  } finally {
    await child.stop()
  }
}

/** Uploads at once, and how fast each is. */
export const LOADS = [32, 64].flatMap((uploads) => [null, SLOW].map((rate) => ({ uploads, rate })))
/** Some contenders hold every body of 31 MB five times. */
const FREE_FOR_EACH = 5 * 31_000_000

/** The most memory that a new process takes for uploads at once. */
export async function peaks(
  stage: Stage,
  contenders: readonly Contender[],
  loads: typeof LOADS,
  say: Say,
): Promise<Peak[]> {
  const results: Peak[] = []
  for (const { uploads, rate } of loads) {
    for (const contender of contenders) {
      say(`${uploads} uploads at once: ${contender.label}`)
      if (freeMemory() < uploads * FREE_FOR_EACH) {
        console.error('left out: it may need more memory than is free')
        continue
      }
      const peak = await stage.withAll([contender], async ([entrant]) => {
        const url = entrant?.urlFor('image') ?? ''
        const { failures } = await stage.load.call('upload', url, '31m', uploads, rate)
        return { peak: memoryOf(entrant?.pid ?? 0).peak, failures }
      })
      results.push({ contender: contender.name, uploads, rate, ...peak })
    }
  }
  return results
}

/** Text searches after which memory is compared. */
export const SOME = 100_000
export const MANY = 1_000_000
/** How long a slow contender goes on, in seconds. */
const PATIENCE: Readonly<Record<number, number>> = { [SOME]: 20, [MANY]: 600 }
/** Until memory is read when nothing goes on, in milliseconds. */
const REST = 1_000

/** The memory of a process that carries text searches. */
export function growth(stage: Stage, contender: Contender, requests: number, say: Say): Promise<Growth> {
  return stage.withAll([contender], async ([entrant]) => {
    const { pid = 0, urlFor } = entrant ?? {}
    await sleep(REST)
    const samples: [number, number][] = [[0, memoryOf(pid).rss]]
    let failures: Counts = {}
    const late = performance.now() + (PATIENCE[requests] ?? 0) * 1000
    for (let carried = 0; carried < requests && performance.now() < late; ) {
      say(`${carried} of ${requests} searches: ${contender.label}`)
      const result = await stage.load.call('wrk', urlFor?.('text') ?? '', 'text', TYPICAL, 1)
      carried += result.requests
      failures = addCounts(failures, result.failures)
      samples.push([carried, memoryOf(pid).rss])
    }
    return { contender: contender.name, samples, failures }
  })
}
