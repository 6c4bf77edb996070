import type { Target } from '../lib/report.ts'
import { type Spread, spread } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { ADAPTERS, DIRECT, FLOOR, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { ALONE, type Cell, type Growth, LOADS, MANY, type Round, SOME, TYPICAL } from './measure.ts'

const OURS = [ROUTER, ...ADAPTERS]

type Goal = readonly [
  what: string,
  of: readonly string[],
  isMet: (middle: number) => boolean,
  /** `undefined` if it was not measured. */
  figure: (name: string) => Spread | undefined,
  write?: (figure: Spread) => string,
]

const atMost = (limit: number) => (middle: number) => middle <= limit
const inMs = (digits: number) => (figure: Spread) => `${figure.median.toFixed(digits)} ms`

function textGoals(results: Results): Goal[] {
  const [floor, direct, router] = [FLOOR, DIRECT, ROUTER].map((name) => labelOf(results, name))
  const load = { job: 'text', connections: TYPICAL }
  const cpu = 'CPU time for a text search: at most'
  const total = (name: string) => ratio(results, load, name, FLOOR, cpuOf)
  const layer = (below: string) => (name: string) =>
    perRound(
      results,
      load,
      [name, below, FLOOR],
      cpuOf,
      ([own = 0, less = 0, least = 0]) => (own - less) / least,
    )
  return [
    [`${cpu} 1.38 x ${floor} (goal 1.25 x)`, [DIRECT], atMost(1.38), total],
    [`${cpu} 0.25 x ${floor} more than ${direct}`, [ROUTER], atMost(0.25), layer(DIRECT)],
    [`${cpu} 0.25 x ${floor} more than ${router}`, ADAPTERS, atMost(0.25), layer(ROUTER)],
  ]
}

function speedGoals(results: Results): Goal[] {
  const nginx = labelOf(results, YARDSTICK)
  const load = { job: '500k', connections: TYPICAL }
  const by = (of: (round: Round) => number) => (name: string) => ratio(results, load, name, YARDSTICK, of)
  const added = 'added p50 of a text search at one connection at most 0.5 ms'
  return [
    [`500 KB image requests/s: at least 2 x ${nginx}`, OURS, (middle) => middle >= 2, by(rateOf)],
    [`CPU time for a 500 KB image: at most 0.5 x ${nginx}`, OURS, atMost(0.5), by(cpuOf)],
    [added, OURS, atMost(0.5), (name) => addedLatency(results, name), inMs(2)],
  ]
}

function memoryGoals(results: Results): Goal[] {
  const peakOf = ({ uploads, rate }: (typeof LOADS)[number]): Goal => [
    `peak memory of ${uploads} uploads of 31 MB at most 250 MB, ${paceOf(rate)}`,
    OURS,
    atMost(250e6),
    (name) => all(peaksAt(results, name, uploads, rate).map(({ peak }) => peak)),
    ({ median }) => `${megabytes(median)} MB`,
  ]
  const first = (name: string) => all(results.firstBytes.find(({ contender }) => contender === name)?.delays)
  const growth = (name: string) => {
    const [some, many] = [SOME, MANY].map((requests) => memoryAfter(results, name, requests))
    return some && many ? { least: some, median: many / some, most: many } : undefined
  }
  return [
    ...LOADS.filter(({ uploads }) => uploads === 64).map(peakOf),
    ['first byte of a slow upload at the backend within 20 ms', OURS, atMost(20), first, inMs(1)],
    [
      'classification of 300 MB at most 1.1 x that of 300 bytes',
      ['core'],
      atMost(1.1),
      () => all(results.classification.map(({ small, large }) => large / small)),
    ],
    [
      `memory after ${grouped(MANY)} requests at most 1.05 x that after ${grouped(SOME)}`,
      OURS,
      atMost(1.05),
      growth,
      ({ least, median, most }) => `${median.toFixed(3)} (${megabytes(least)} to ${megabytes(most)} MB)`,
    ],
  ]
}

/** The targets that the results have figures for. */
export function checkTargets(results: Results): Target[] {
  const goals = [...textGoals(results), ...speedGoals(results), ...memoryGoals(results)]
  return goals.flatMap(([what, of, isMet, figure, write = (each) => each.median.toFixed(2)]) =>
    of.flatMap((name) => {
      const reached = figure(name)
      if (reached === undefined) return []
      return { what, of: labelOf(results, name), figure: write(reached), met: isMet(reached.median) }
    }),
  )
}

function all(values: readonly number[] | undefined): Spread | undefined {
  return values === undefined || values.length === 0 ? undefined : spread(values)
}

/** A job with a number of connections. */
export type Load = Pick<Cell, 'job' | 'connections'>

export function cellAt({ cells }: Results, { job, connections }: Load, name: string): Cell | undefined {
  return cells.find((cell) => cell.contender === name && cell.job === job && cell.connections === connections)
}

/** Combines figures of the same round, because a slow machine slows all contenders. */
function perRound(
  results: Results,
  load: Load,
  names: readonly string[],
  of: (round: Round) => number,
  combine: (figures: readonly number[]) => number,
): Spread | undefined {
  const figures = names.map((name) => cellAt(results, load, name)?.rounds.map(of) ?? [])
  const count = Math.min(...figures.map((each) => each.length))
  return all(Array.from({ length: count }, (_, i) => combine(figures.map((each) => each[i] ?? Number.NaN))))
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
  return perRound(
    results,
    load,
    [name, NONE],
    ({ p50 }) => p50,
    ([own = 0, straight = 0]) => own - straight,
  )
}

export function rateOf({ rate }: Round): number {
  return rate
}

/** Not a number without a proxy. */
export function cpuOf({ cpu }: Round): number {
  return cpu ?? Number.NaN
}

/** The memory of a process as soon as it has carried so many requests; `undefined` when it never has. */
export function memoryAfter({ growths }: { growths: readonly Growth[] }, name: string, requests: number) {
  const growth = growths.find(({ contender }) => contender === name)
  return growth?.samples.find(([carried]) => carried >= requests)?.[1]
}

export function peaksAt(
  { peaks }: Pick<Results, 'peaks'>,
  name: string,
  uploads: number,
  rate: number | null,
) {
  return peaks.filter((peak) => peak.contender === name && peak.uploads === uploads && peak.rate === rate)
}

export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : (bytes / 1e6).toFixed(0)
}

export function labelOf({ contenders }: Pick<Results, 'contenders'>, name: string): string {
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
