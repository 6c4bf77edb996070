import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../lib/progress.ts'
import type { BackendName } from './jobs.ts'
import { type PlannedCell, type PlannedJob, TYPICAL } from './plan.ts'
import { cpuTimeOf, isIdle } from './process-usage.ts'
import { addFailures, type Cell, type Failures, type Round, type Settings } from './results.ts'
import type { Entrant, Stage } from './stage.ts'

/** Behind a run of wrk, what its end has broken off is over when nothing has come for so long, in seconds … */
const PAUSE = 0.1
/** … or for so many such times. */
const MOST_PAUSES = 50
/** What it takes to start and end wrk. */
const AROUND = 0.15

/** Seconds for all rounds, and for the one before them. */
export function roundsTime(cells: readonly PlannedCell[], { rounds, seconds }: Settings): number {
  const each = seconds + PAUSE + AROUND
  const count = (some: readonly PlannedCell[]) => some.reduce((sum, cell) => sum + cell.contenders.length, 0)
  return each * (rounds * count(cells) + count(warmUps(cells)))
}

/**
 * Measures in rounds: in each, everything once, the contenders with the same load one behind the other. All of them run all
 * the time; who is not measured has nothing to do.
 */
export function measureRounds(
  stage: Stage,
  cells: readonly PlannedCell[],
  settings: Settings,
  progress: Progress,
): Promise<Cell[]> {
  const { rounds, seconds } = settings
  const contenders = new Set(cells.flatMap((cell) => cell.contenders))
  return stage.withAll([...contenders], async (entrants) => {
    const entrantsOf = (cell: PlannedCell) =>
      entrants.filter(({ contender }) => cell.contenders.includes(contender))
    const measureNext = (what: string, { job, connections }: PlannedCell, entrant: Entrant) => {
      const { label } = entrant.contender
      progress.step(`${what}: ${job.title}, ${connections} connections: ${label}`, seconds + PAUSE + AROUND)
      return measure(stage, entrant, job, connections, seconds)
    }
    await stage.backends.call('arrivals')
    for (const cell of warmUps(cells)) {
      for (const entrant of entrantsOf(cell)) await measureNext('warming up', cell, entrant)
    }
    const entries = cells.flatMap((cell) =>
      entrantsOf(cell).map((entrant) => ({ cell, entrant, figures: [] as Figures[] })),
    )
    for (let round = 1; round <= rounds; round++) {
      for (const { cell, entrant, figures } of entries)
        figures.push(await measureNext(`round ${round}`, cell, entrant))
    }
    return entries.map(({ cell, entrant, figures }) => ({
      contender: entrant.contender.name,
      job: cell.job.name,
      connections: cell.connections,
      rounds: figures.map(({ round }) => round),
      failures: figures.map(({ failures }) => failures).reduce(addFailures, {}),
    }))
  })
}

interface Figures {
  readonly round: Round
  readonly failures: Failures
}

/** Behind these, code is compiled and connections are made. */
function warmUps(cells: readonly PlannedCell[]): PlannedCell[] {
  return cells.filter(
    ({ job, connections }) => connections === TYPICAL && (job.name === 'text' || job.name === '500k'),
  )
}

async function measure(
  stage: Stage,
  entrant: Entrant,
  job: PlannedJob,
  connections: number,
  seconds: number,
): Promise<Figures> {
  const { contender, pid } = entrant
  const url = entrant.urlFor(job.backend)
  const before = pid === undefined ? null : cpuTimeOf(pid)
  const result = await stage.load.call('wrk', { url, job: job.name, connections, seconds })
  const cpu = pid === undefined || before === null ? null : cpuTimeOf(pid) - before
  const arrived = await arrivals(stage, pid)
  const elsewhere = arrived[stage.destination(contender, job) === 'text' ? 'image' : 'text']
  const { requests, p50, p99 } = result
  return {
    round: { rate: requests / result.seconds, p50, p99, cpu: cpu === null ? null : (cpu / requests) * 1e6 },
    failures: {
      ...result.failures,
      ...(elsewhere === 0 ? {} : { 'wrong backend': elsewhere }),
      ...(requests > 0 ? {} : { 'no answer': 1 }),
    },
  }
}

/** What has come to each backend since this was asked last, with what still comes of it. */
async function arrivals(stage: Stage, pid: number | undefined): Promise<Record<BackendName, number>> {
  const all = { text: 0, image: 0 }
  for (let pauses = 0; pauses < MOST_PAUSES; pauses++) {
    const { text, image } = await stage.backends.call('arrivals')
    all.text += text.requests
    all.image += image.requests
    const quiet = text.requests + image.requests === 0 && (pid === undefined || isIdle(pid))
    if (quiet && pauses > 0) break
    await sleep(PAUSE * 1000)
  }
  return all
}
