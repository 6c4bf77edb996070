import { describeMachine } from '../lib/machine.ts'
import { Progress } from '../lib/progress.ts'
import { sum } from '../lib/stats.ts'
import { bundle } from './bundle.ts'
import { type Contender, NONE, ROUTER } from './contenders.ts'
import { JOBS } from './jobs.ts'
import * as looks from './looks.ts'
import * as memory from './memory.ts'
import type { Options, PartName } from './options.ts'
import { leading, planCells } from './plan.ts'
import { freeMemory } from './process-usage.ts'
import type { Growth, Peak, Results } from './results.ts'
import { measureRounds, roundsTime } from './rounds.ts'
import { Stage } from './stage.ts'
import { grouped } from './targets.ts'
import type { Tools } from './tools.ts'

/** Measures what is asked for, of contenders that are there. */
export async function run(options: Options, tools: Tools): Promise<Results> {
  const { settings, contenders } = options
  const wanted = (part: PartName) => options.parts.includes(part)
  const machine = describeMachine(tools.versions)
  const cells = wanted('rounds') ? planCells(options) : []
  const leaders = leading(options)
  const first = wanted('first-byte') ? leaders : []
  const proxies = leaders.filter(({ name }) => name !== NONE)
  const looked = wanted('bytes') && tools.strace !== undefined ? proxies : []
  const loads = wanted('memory')
    ? memory.LOADS.filter(({ uploads }) => !settings.quick || uploads === 64)
    : []
  const growths = plannedGrowths(proxies, wanted)
  const rounds = wanted('classification') ? settings.rounds : 0
  const progress = new Progress(
    roundsTime(cells, settings) +
      first.length * settings.rounds * looks.FIRST_BYTE_TIME +
      rounds * looks.CLASSIFICATION_TIME +
      looked.length * looks.MOVED_TIME +
      proxies.length * sum(loads.map(memory.peakTime)) +
      sum(growths.map(({ time }) => time)),
  )
  const modules = await bundle()
  const stage = await Stage.set(tools, modules.proxy)
  try {
    return {
      machine,
      settings,
      contenders: contenders.map(({ name, label }) => ({ name, label })),
      jobs: JOBS.map(({ name, title }) => ({ name, title })),
      cells: await measureRounds(stage, cells, settings, progress),
      firstBytes: await looks.lookForFirstBytes(stage, first, settings.rounds, progress),
      classification: await looks.compareClassifications(modules.classifier, rounds, progress),
      moved: await looks.lookAtMovedBytes(stage, looked, progress),
      peaks: await measurePeaks(stage, proxies, loads, progress),
      growths: await followGrowths(stage, growths, progress),
    }
  } finally {
    await stage.close()
    progress.end()
  }
}

async function measurePeaks(
  stage: Stage,
  contenders: readonly Contender[],
  loads: typeof memory.LOADS,
  progress: Progress,
): Promise<Peak[]> {
  const peaks: Peak[] = []
  for (const load of loads) {
    for (const contender of contenders) {
      progress.step(`${load.uploads} uploads at once: ${contender.label}`, memory.peakTime(load))
      if (freeMemory() > memory.roomFor(load.uploads))
        peaks.push(await memory.measurePeak(stage, contender, load))
      else console.error(`\n${load.uploads} uploads: left out, since some may need more memory than is free`)
    }
  }
  return peaks
}

interface PlannedGrowth {
  readonly contender: Contender
  readonly requests: number
  /** Seconds that it takes, and that it may take at most. */
  readonly time: number
  readonly patience: number
}

/** What is slow goes on for some time, and its line says how far it came. */
const SOME = { requests: memory.SOME, time: 14, patience: 20 }
const MANY = { requests: memory.MANY, time: 120, patience: 600 }

function plannedGrowths(
  contenders: readonly Contender[],
  wanted: (part: PartName) => boolean,
): PlannedGrowth[] {
  return contenders.flatMap((contender) => {
    if (wanted('million') && contender.name === ROUTER) return [{ contender, ...MANY }]
    return wanted('growth') ? [{ contender, ...SOME }] : []
  })
}

async function followGrowths(
  stage: Stage,
  planned: readonly PlannedGrowth[],
  progress: Progress,
): Promise<Growth[]> {
  const growths: Growth[] = []
  for (const { contender, requests, time, patience } of planned) {
    const onStep = (carried: number, next: number) =>
      progress.step(
        `${grouped(carried)} of ${grouped(requests)} searches: ${contender.label}`,
        (time * next) / requests,
      )
    growths.push(await memory.followGrowth(stage, contender, requests, patience, onStep))
  }
  return growths
}
