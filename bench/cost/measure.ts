import { setTimeout as sleep } from 'node:timers/promises'
import type { Say } from '../lib/bench.ts'
import { Child } from '../lib/child.ts'
import { addCounts, type Counts } from '../lib/stats.ts'
import type { Classifier } from './classifier.ts'
import type { Contender } from './contenders.ts'
import type { CostJob } from './jobs.ts'
import { type Entrant, PROXY_CORE, type Stage } from './stage.ts'
import { cpuTimeOf, freeMemory, isIdle, memoryOf } from './system.ts'

/** The number of connections of the targets, and the one for added latency. */
export const [TYPICAL, ALONE] = [16, 1]
/** Bytes a second of an upload that is slowed down. */
const SLOW = 5_000_000

/** The contenders of one table. */
export interface Planned {
  readonly job: CostJob
  readonly connections: number
  readonly contenders: readonly Contender[]
}

/** One measurement of a contender with a job and so many connections. */
export interface Round {
  /** Requests a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** CPU time of the proxy for each request, in microseconds; `null` without a proxy. */
  readonly cpu: number | null
}

export interface Cell {
  readonly contender: string
  readonly job: string
  readonly connections: number
  /** In the order in which they were measured: the same number is the same time for all contenders. */
  readonly rounds: readonly Round[]
  readonly failures: Counts
}

/** In each round, everything once, the contenders one after the other. All of them run all the time. */
export function rounds(
  stage: Stage,
  cells: readonly Planned[],
  count: number,
  seconds: number,
  say: Say,
): Promise<Cell[]> {
  const contenders = new Set(cells.flatMap((cell) => cell.contenders))
  return stage.withAll([...contenders], async (entrants) => {
    const entries = cells.flatMap((cell) =>
      entrants
        .filter(({ contender }) => cell.contenders.includes(contender))
        .map((entrant) => ({ ...cell, entrant, rounds: [] as Round[], failures: {} as Counts })),
    )
    await stage.backends.call('arrivals')
    for (let round = 0; round <= count; round++) {
      for (const entry of entries) {
        const { job, connections, entrant } = entry
        // Round 0 compiles code and makes connections.
        if (round === 0 && (connections !== TYPICAL || !isOfTargets(job.name))) continue
        say(`round ${round}: ${job.title}, ${connections} connections: ${entrant.contender.label}`)
        const measured = await measure(stage, entrant, job, connections, seconds)
        if (round === 0) continue
        entry.rounds.push(measured.round)
        entry.failures = addCounts(entry.failures, measured.failures)
      }
    }
    return entries.map(({ entrant, job, connections, rounds, failures }) => {
      return { contender: entrant.contender.name, job: job.name, connections, rounds, failures }
    })
  })
}

export function isOfTargets(job: string): boolean {
  return job === 'text' || job === '500k'
}

async function measure(
  stage: Stage,
  { contender, pid, urlFor }: Entrant,
  job: CostJob,
  connections: number,
  seconds: number,
): Promise<{ round: Round; failures: Counts }> {
  const before = pid === undefined ? Number.NaN : cpuTimeOf(pid)
  const result = await stage.load.call('wrk', urlFor(job.backend), job.name, connections, seconds)
  const { requests, p50, p99, failures } = result
  const cpu = pid === undefined ? null : ((cpuTimeOf(pid) - before) / requests) * 1e6
  const elsewhere = (await arrivals(stage, pid))[
    stage.destination(contender, job) === 'text' ? 'image' : 'text'
  ]
  const wrong: Counts = elsewhere === 0 ? {} : { 'wrong backend': elsewhere }
  const none: Counts = requests > 0 ? {} : { 'no answer': 1 }
  return {
    round: { rate: requests / result.seconds, p50, p99, cpu },
    failures: { ...failures, ...wrong, ...none },
  }
}

/** After a run of wrk, its aborted requests are over when nothing has come for so long, in ms, or after so many times. */
const [PAUSE, MOST_PAUSES] = [100, 50]

async function arrivals(stage: Stage, pid: number | undefined) {
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

/** Milliseconds from the first chunk of a slow upload to the first byte at the backend. */
export function firstBytes(stage: Stage, contenders: readonly Contender[], count: number, say: Say) {
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

/** Classifications of each size in a round. */
const CLASSIFICATIONS = 3_000

export async function classifications(module: URL, count: number, say: Say) {
  await using child = new Child<Classifier>(module, PROXY_CORE)
  const times: { small: number; large: number }[] = []
  for (let round = 0; round <= count; round++) {
    say(`round ${round}: classification`)
    times.push(await child.call('classify', CLASSIFICATIONS))
  }
  // In the first, code was compiled.
  return times.slice(1)
}

/** Uploads at once, and how many bytes a second each sends; `null` for as fast as it goes. */
export const LOADS = [32, 64].flatMap((uploads) => [null, SLOW].map((rate) => ({ uploads, rate })))
/** The load of the memory column in the document. */
export const LARGEST = { uploads: 64, rate: SLOW }
/** Some contenders hold every body of 31 MB five times. */
const FREE_FOR_EACH = 5 * 31_000_000

/** The most memory, in bytes, that a new process takes for uploads at once. */
export async function peaks(stage: Stage, contenders: readonly Contender[], loads: typeof LOADS, say: Say) {
  const results: ({ contender: string; peak: number; failures: Counts } & (typeof LOADS)[number])[] = []
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
export const [SOME, MANY] = [100_000, 1_000_000]
/** Until memory is read when nothing goes on, in milliseconds. */
const REST = 1_000

export interface Growth {
  readonly contender: string
  /** Resident bytes after so many requests, the first after none but one of each kind. */
  readonly samples: readonly (readonly [requests: number, rss: number])[]
  readonly failures: Counts
}

/** The memory of a process that carries text searches. A slow contender does not go on for longer than it may. */
export function growth(stage: Stage, contender: Contender, requests: number, say: Say): Promise<Growth> {
  return stage.withAll([contender], async ([entrant]) => {
    const { pid = 0, urlFor } = entrant ?? {}
    await sleep(REST)
    const samples: [number, number][] = [[0, memoryOf(pid).rss]]
    let failures: Counts = {}
    const late = performance.now() + (requests === MANY ? 600_000 : 20_000)
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
