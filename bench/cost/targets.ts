import type { Target } from '../lib/report.ts'
import { type Spread, spread } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { ADAPTERS, DIRECT, FLOOR, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { ALONE, type Cell, type Growth, LOADS, MANY, type Round, SOME, TYPICAL } from './measure.ts'

const OURS = [ROUTER, ...ADAPTERS]

interface Goal {
  readonly what: string
  readonly of: readonly string[]
  /** `undefined` if it was not measured. */
  readonly figure: (name: string) => Spread | undefined
  readonly limit: number
  readonly isLeast?: boolean
  readonly write?: (figure: Spread) => string
}

function goals(results: Results): Goal[] {
  const [floor, direct, router, nginx] = [FLOOR, DIRECT, ROUTER, YARDSTICK].map((name) =>
    labelOf(results, name),
  )
  const text = { job: 'text', connections: TYPICAL }
  const image = { job: '500k', connections: TYPICAL }
  const layer = (below: string) => (name: string) =>
    perRound(
      results,
      text,
      [name, below, FLOOR],
      cpuOf,
      ([own = 0, less = 0, least = 0]) => (own - less) / least,
    )
  const one = (value: number | undefined) => (value === undefined ? undefined : spread([value]))
  const peakOf = ({ uploads, rate }: (typeof LOADS)[number]) => ({
    what: `peak memory of ${uploads} uploads of 31 MB at most 250 MB, ${paceOf(rate)}`,
    of: OURS,
    figure: (name: string) =>
      one(
        results.peaks.find(
          (each) => each.contender === name && each.uploads === uploads && each.rate === rate,
        )?.peak,
      ),
    limit: 250e6,
    write: ({ median }: Spread) => `${(median / 1e6).toFixed(0)} MB`,
  })
  return [
    {
      what: `CPU time for a text search: at most 1.38 x ${floor} (goal 1.25 x)`,
      ...{ of: [DIRECT], figure: (name) => ratio(results, text, name, FLOOR, cpuOf), limit: 1.38 },
    },
    {
      what: `CPU time for a text search: at most 0.25 x ${floor} more than ${direct}`,
      ...{ of: [ROUTER], figure: layer(DIRECT), limit: 0.25 },
    },
    {
      what: `CPU time for a text search: at most 0.25 x ${floor} more than ${router}`,
      ...{ of: ADAPTERS, figure: layer(ROUTER), limit: 0.25 },
    },
    {
      what: `500 KB image requests/s: at least 2 x ${nginx}`,
      ...{
        of: OURS,
        figure: (name) => ratio(results, image, name, YARDSTICK, rateOf),
        limit: 2,
        isLeast: true,
      },
    },
    {
      what: `CPU time for a 500 KB image: at most 0.5 x ${nginx}`,
      ...{ of: OURS, figure: (name) => ratio(results, image, name, YARDSTICK, cpuOf), limit: 0.5 },
    },
    {
      what: 'added p50 of a text search at one connection at most 0.5 ms',
      ...{ of: OURS, figure: (name) => addedLatency(results, name), limit: 0.5 },
      write: (figure) => `${written(figure, 2)} ms`,
    },
    ...LOADS.filter(({ uploads }) => uploads === 64).map(peakOf),
    {
      what: 'first byte of a slow upload at the backend within 20 ms',
      of: OURS,
      figure: (name) => all(results.firstBytes.find(({ contender }) => contender === name)?.delays),
      limit: 20,
      write: (figure) => `${written(figure, 1)} ms`,
    },
    {
      what: 'classification of 300 MB at most 1.1 times that of 300 bytes',
      of: ['core'],
      figure: () => all(results.classification.map(({ small, large }) => large / small)),
      limit: 1.1,
    },
    {
      what: `memory behind ${grouped(MANY)} requests at most 1.05 times that behind ${grouped(SOME)}`,
      of: OURS,
      figure: (name) => {
        const [some, many] = [SOME, MANY].map((requests) => memoryAfter(results, name, requests))
        return some && many ? { least: some, median: many / some, most: many } : undefined
      },
      limit: 1.05,
      write: ({ least, median, most }) =>
        `${median.toFixed(3)} (${(least / 1e6).toFixed(0)} to ${(most / 1e6).toFixed(0)} MB)`,
    },
  ]
}

/** The targets that the results say something about. */
export function checkTargets(results: Results): Target[] {
  return goals(results).flatMap(({ what, of, figure, limit, isLeast, write = (each) => written(each, 2) }) =>
    of.flatMap((name) => {
      const reached = figure(name)
      if (reached === undefined) return []
      const met = isLeast ? reached.median >= limit : reached.median <= limit
      return { what, of: labelOf(results, name), figure: write(reached), met }
    }),
  )
}

function all(values: readonly number[] | undefined): Spread | undefined {
  return values === undefined || values.length === 0 ? undefined : spread(values)
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
