import type { Target } from '../lib/report.ts'
import { median, type Spread, spread } from '../lib/stats.ts'
import { ADAPTERS, DIRECT, FLOOR, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { ALONE, MANY, SOME, TYPICAL } from './measure.ts'
import type { Cell, Growth, Results, Round } from './results.ts'

const OURS = [ROUTER, ...ADAPTERS]

/** CPU time of a text search, by that of `floor`: of the router without http-proxy-3, and what each layer may add. */
const [DIRECT_LIMIT, DIRECT_GOAL, LAYER_LIMIT] = [1.38, 1.25, 0.25]
/** The layer, and what it is on top of. */
const LAYERS: readonly (readonly [string, string])[] = [
  [ROUTER, DIRECT],
  ...ADAPTERS.map((adapter) => [adapter, ROUTER] as const),
]
/** Of an image of 500 KB, by those of the yardstick. */
const [IMAGE_RATE, IMAGE_CPU] = [2, 0.5]
/** Milliseconds. */
const [ADDED, FIRST_BYTE] = [0.5, 20]
const PEAK = { uploads: 64, bytes: 250e6 }
const [CLASSIFICATION, GROWTH] = [1.1, 1.05]

/** The targets that the results say something about. */
export function checkTargets(results: Results): Target[] {
  const label = (name: string) => labelOf(results, name)
  const target = (
    what: string,
    of: string,
    figure: Spread | undefined,
    met: (middle: number) => boolean,
    unit = '',
  ) =>
    figure === undefined
      ? []
      : [{ what, of, figure: `${written(figure, 2)}${unit}`, met: met(figure.median) }]
  const atMost = (limit: number) => (middle: number) => middle <= limit
  const text = { job: 'text', connections: TYPICAL }
  const image = { job: '500k', connections: TYPICAL }
  return [
    ...target(
      `CPU time for a text search: at most ${DIRECT_LIMIT} x ${label(FLOOR)} (goal ${DIRECT_GOAL} x)`,
      label(DIRECT),
      ratio(results, text, DIRECT, FLOOR, cpuOf),
      atMost(DIRECT_LIMIT),
    ),
    ...LAYERS.flatMap(([layer, below]) =>
      target(
        `CPU time for a text search: at most ${LAYER_LIMIT} x ${label(FLOOR)} more than ${label(below)}`,
        label(layer),
        perRound(
          results,
          text,
          [layer, below, FLOOR],
          cpuOf,
          ([own = 0, less = 0, floor = 0]) => (own - less) / floor,
        ),
        atMost(LAYER_LIMIT),
      ),
    ),
    ...OURS.flatMap((name) =>
      target(
        `500 KB image requests/s: at least ${IMAGE_RATE} x ${label(YARDSTICK)}`,
        label(name),
        ratio(results, image, name, YARDSTICK, rateOf),
        (middle) => middle >= IMAGE_RATE,
      ),
    ),
    ...OURS.flatMap((name) =>
      target(
        `CPU time for a 500 KB image: at most ${IMAGE_CPU} x ${label(YARDSTICK)}`,
        label(name),
        ratio(results, image, name, YARDSTICK, cpuOf),
        atMost(IMAGE_CPU),
      ),
    ),
    ...OURS.flatMap((name) =>
      target(
        `added p50 of a text search at one connection at most ${ADDED} ms`,
        ...([label(name), addedLatency(results, name), atMost(ADDED), ' ms'] as const),
      ),
    ),
    ...checkMemory(results),
    ...checkGrowth(results),
  ]
}

function checkMemory(results: Results): Target[] {
  const peaks = results.peaks.filter(
    ({ contender, uploads }) => OURS.includes(contender) && uploads === PEAK.uploads,
  )
  const firstBytes = results.firstBytes.filter(({ contender }) => OURS.includes(contender))
  const ratios = results.classification.map(({ small, large }) => large / small)
  return [
    ...peaks.map(({ contender, rate, peak }) => ({
      what: `peak memory of ${PEAK.uploads} uploads of 31 MB at most ${PEAK.bytes / 1e6} MB, ${paceOf(rate)}`,
      of: labelOf(results, contender),
      figure: `${(peak / 1e6).toFixed(0)} MB`,
      met: peak <= PEAK.bytes,
    })),
    ...firstBytes.map(({ contender, delays }) => ({
      what: `first byte of a slow upload at the backend within ${FIRST_BYTE} ms`,
      of: labelOf(results, contender),
      figure: `${written(spread(delays), 1)} ms`,
      met: median(delays) <= FIRST_BYTE,
    })),
    ...(ratios.length === 0 ? [] : [spread(ratios)]).map((figure) => ({
      what: `classification of 300 MB at most ${CLASSIFICATION} times that of 300 bytes`,
      of: 'core',
      figure: written(figure, 2),
      met: figure.median <= CLASSIFICATION,
    })),
  ]
}

function checkGrowth(results: Results): Target[] {
  return results.growths.flatMap((growth) => {
    const [some, many] = [memoryAfter(growth, SOME), memoryAfter(growth, MANY)]
    if (!OURS.includes(growth.contender) || some === undefined || many === undefined) return []
    return {
      what: `memory behind ${grouped(MANY)} requests at most ${GROWTH} times that behind ${grouped(SOME)}`,
      of: labelOf(results, growth.contender),
      figure: `${(many / some).toFixed(3)} (${(some / 1e6).toFixed(0)} to ${(many / 1e6).toFixed(0)} MB)`,
      met: many / some <= GROWTH,
    }
  })
}

/** What is measured side by side: a job with so many connections. */
export type Load = Pick<Cell, 'job' | 'connections'>

export function cellAt({ cells }: Results, { job, connections }: Load, name: string): Cell | undefined {
  return cells.find((cell) => cell.contender === name && cell.job === job && cell.connections === connections)
}

/** Figures of several contenders in the same round, combined: what slows the machine down for a while slows all of them. */
function perRound(
  results: Results,
  load: Load,
  names: readonly string[],
  of: (round: Round) => number,
  combine: (figures: readonly number[]) => number,
): Spread | undefined {
  const all = names.map((name) => cellAt(results, load, name)?.rounds.map(of) ?? [])
  const count = Math.min(...all.map((figures) => figures.length))
  const values = Array.from({ length: count }, (_, i) =>
    combine(all.map((figures) => figures[i] ?? Number.NaN)),
  )
  return count === 0 ? undefined : spread(values)
}

export function ratio(
  results: Results,
  load: Load,
  name: string,
  other: string,
  of: (round: Round) => number,
) {
  return perRound(results, load, [name, other], of, ([own = Number.NaN, theirs = Number.NaN]) => own / theirs)
}

/** How much longer a text search takes through a proxy at one connection, in milliseconds. */
export function addedLatency(results: Results, name: string): Spread | undefined {
  const load = { job: 'text', connections: ALONE }
  const p50 = (round: Round) => round.p50
  return perRound(results, load, [name, NONE], p50, ([own = 0, straight = 0]) => own - straight)
}

export function rateOf({ rate }: Round): number {
  return rate
}

/** Not a number without a proxy. */
export function cpuOf({ cpu }: Round): number {
  return cpu ?? Number.NaN
}

/** The memory of a process as soon as it has carried so many requests; `undefined` when it never has. */
export function memoryAfter({ samples }: Growth, requests: number): number | undefined {
  return samples.find(([carried]) => carried >= requests)?.[1]
}

export function labelOf({ contenders }: Results, name: string): string {
  return contenders.find((contender) => contender.name === name)?.label ?? name
}

export function paceOf(rate: number | null): string {
  return rate === null ? 'fast' : `at ${rate / 1e6} MB/s each`
}

/** The median, and all rounds. */
export function written({ median: middle, least, most }: Spread, digits: number): string {
  return `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en')
}
