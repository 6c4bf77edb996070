import { median, type Spread, spread } from '../lib/stats.ts'
import { ADAPTERS, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { MANY, SOME } from './memory.ts'
import { ALONE, TYPICAL } from './plan.ts'
import type { Cell, Growth, Results, Round } from './results.ts'

/** What is to be reached, and what was. */
export interface Target {
  readonly what: string
  readonly who: string
  readonly figure: string
  readonly met: boolean
}

/** A ratio to the yardstick that is to be reached. */
interface RatioGoal {
  readonly what: string
  readonly job: string
  readonly figure: (round: Round) => number
  readonly better: 'more' | 'less'
  /** For `createRouter` and the better adapter, and for the other adapter. */
  readonly limits: readonly [best: number, other: number]
}

const RATIO_GOALS: readonly RatioGoal[] = [
  { what: 'text search requests/s', job: 'text', figure: rateOf, better: 'more', limits: [1.3, 1] },
  { what: '500 KB image requests/s', job: '500k', figure: rateOf, better: 'more', limits: [2, 2] },
  { what: 'CPU time for a 500 KB image', job: '500k', figure: cpuOf, better: 'less', limits: [0.5, 0.5] },
]
/** Milliseconds. */
const ADDED = 0.5
const FIRST_BYTE = 20
/** Bytes. */
const PEAK = 250e6
const PEAK_UPLOADS = 64
const CLASSIFICATION = 1.1
const GROWTH = 1.05

const OURS = [ROUTER, ...ADAPTERS]

/** Every target that the results say something about. */
export function checkTargets(results: Results): Target[] {
  return [
    ...RATIO_GOALS.flatMap((goal) => checkRatio(results, goal)),
    ...checkAdded(results),
    ...checkPeaks(results),
    ...checkFirstBytes(results),
    ...checkClassification(results),
    ...checkGrowth(results),
  ]
}

function checkRatio(results: Results, { what, job, figure, better, limits }: RatioGoal): Target[] {
  const ratios = OURS.flatMap((who) => {
    const ratio = ratioTo(YARDSTICK, results, { contender: who, job, connections: TYPICAL }, figure)
    return ratio === undefined ? [] : [{ who, ratio }]
  })
  const order = better === 'more' ? -1 : 1
  const adapters = ratios
    .filter(({ who }) => ADAPTERS.includes(who))
    .toSorted((a, b) => order * (a.ratio.median - b.ratio.median))
  return ratios.map(({ who, ratio }) => {
    const rank = adapters.findIndex((adapter) => adapter.who === who)
    const limit = rank > 0 ? limits[1] : limits[0]
    // Which is which is another in another run.
    const isPart = limits[0] !== limits[1] && rank >= 0 && adapters.length > 1
    const part = isPart ? `, the ${rank > 0 ? 'slower' : 'faster'} of both` : ''
    return {
      what: `${what}: ${better === 'more' ? 'at least' : 'at most'} ${limit} x ${labelOf(results, YARDSTICK)}`,
      who: labelOf(results, who) + part,
      figure: written(ratio, 2),
      met: better === 'more' ? ratio.median >= limit : ratio.median <= limit,
    }
  })
}

function checkAdded(results: Results): Target[] {
  return OURS.flatMap((who) => {
    const added = addedLatency(results, who)
    if (added === undefined) return []
    return [
      {
        what: `added p50 of a text search at one connection at most ${ADDED} ms`,
        who: labelOf(results, who),
        figure: `${written(added, 2)} ms`,
        met: added.median <= ADDED,
      },
    ]
  })
}

function checkPeaks(results: Results): Target[] {
  return results.peaks
    .filter(({ contender, uploads }) => OURS.includes(contender) && uploads === PEAK_UPLOADS)
    .map(({ contender, rate, peak }) => ({
      what: `peak memory of ${PEAK_UPLOADS} uploads of 31 MB at most ${PEAK / 1e6} MB, ${rate === null ? 'fast' : `at ${rate / 1e6} MB/s each`}`,
      who: labelOf(results, contender),
      figure: `${(peak / 1e6).toFixed(0)} MB`,
      met: peak <= PEAK,
    }))
}

function checkFirstBytes(results: Results): Target[] {
  return results.firstBytes
    .filter(({ contender }) => OURS.includes(contender))
    .map(({ contender, delays }) => ({
      what: `first byte of a slow upload at the backend within ${FIRST_BYTE} ms`,
      who: labelOf(results, contender),
      figure: `${written(spread(delays), 1)} ms`,
      met: median(delays) <= FIRST_BYTE,
    }))
}

function checkClassification({ classification }: Results): Target[] {
  if (classification.length === 0) return []
  const ratio = spread(classification.map(({ small, large }) => large / small))
  return [
    {
      what: `classification of 300 MB at most ${CLASSIFICATION} times that of 300 bytes`,
      who: 'core',
      figure: written(ratio, 2),
      met: ratio.median <= CLASSIFICATION,
    },
  ]
}

function checkGrowth(results: Results): Target[] {
  return results.growths.flatMap((growth) => {
    const [some, many] = [memoryBehind(growth, SOME), memoryBehind(growth, MANY)]
    if (!OURS.includes(growth.contender) || some === undefined || many === undefined) return []
    return [
      {
        what: `memory behind ${grouped(MANY)} requests at most ${GROWTH} times that behind ${grouped(SOME)}`,
        who: labelOf(results, growth.contender),
        figure: `${(many / some).toFixed(3)} (${(some / 1e6).toFixed(0)} to ${(many / 1e6).toFixed(0)} MB)`,
        met: many / some <= GROWTH,
      },
    ]
  })
}

/** Which figures: of a contender, with a job and so many connections. */
export type Place = Pick<Cell, 'contender' | 'job' | 'connections'>

export function cellAt({ cells }: Results, { contender, job, connections }: Place): Cell | undefined {
  return cells.find(
    (cell) => cell.contender === contender && cell.job === job && cell.connections === connections,
  )
}

/**
 * The ratio of a figure to that of another in the same round, and how far the rounds are apart. What slows the machine down
 * for a while slows both.
 */
export function ratioTo(
  other: string,
  results: Results,
  place: Place,
  figure: (round: Round) => number,
): Spread | undefined {
  return pairwise(
    results,
    place,
    { ...place, contender: other },
    (own, theirs) => figure(own) / figure(theirs),
  )
}

/** How much longer a text search takes through a proxy, in milliseconds. */
export function addedLatency(results: Results, contender: string): Spread | undefined {
  const place = { contender, job: 'text', connections: ALONE }
  return pairwise(results, place, { ...place, contender: NONE }, (own, straight) => own.p50 - straight.p50)
}

function pairwise(
  results: Results,
  place: Place,
  other: Place,
  compare: (own: Round, other: Round) => number,
): Spread | undefined {
  const [cell, against] = [cellAt(results, place), cellAt(results, other)]
  const values = cell?.rounds.flatMap((round, i) => {
    const theirs = against?.rounds[i]
    return theirs === undefined ? [] : [compare(round, theirs)]
  })
  return values === undefined || values.length === 0 ? undefined : spread(values)
}

export function rateOf({ rate }: Round): number {
  return rate
}

/** Not a number where there is no proxy. */
export function cpuOf({ cpu }: Round): number {
  return cpu ?? Number.NaN
}

/** The memory of a process as soon as it has carried so many requests; `undefined` when it never has. */
export function memoryBehind({ samples }: Growth, requests: number): number | undefined {
  return samples.find(([carried]) => carried >= requests)?.[1]
}

export function labelOf({ contenders }: Results, name: string): string {
  return contenders.find((contender) => contender.name === name)?.label ?? name
}

/** The middle, and from where to where. */
export function written({ median: middle, least, most }: Spread, digits: number): string {
  return `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en')
}
