import { machineLine } from '../lib/machine.ts'
import type { Part, Report } from '../lib/report.ts'
import { median, spread } from '../lib/stats.ts'
import { ADAPTERS, DIRECT, NONE, NOT_ROUTING, ROUTER, YARDSTICK } from './contenders.ts'
import { SOME } from './memory.ts'
import { allFailures, type Cell, type Failures, type Peak, type Results, type Round } from './results.ts'
import {
  addedLatency,
  cellAt,
  checkTargets,
  cpuOf,
  grouped,
  labelOf,
  memoryBehind,
  rateOf,
  ratioTo,
  written,
} from './targets.ts'

export function reportOf(results: Results): Report {
  return {
    lines: [machineLine(results.machine), ...settingsLines(results)],
    summary: [targetsPart(results), lossesPart(results)],
    details: [
      ...loadsOf(results).map((load) => loadPart(results, load)),
      latencyPart(results),
      firstBytePart(results),
      memoryPart(results),
      movedPart(results),
    ],
  }
}

function settingsLines(results: Results): string[] {
  const { quick, rounds, seconds } = results.settings
  const failures = allFailures(results)
  const failed = Object.keys(failures).length > 0
  return [
    `${quick ? 'a quick run: ' : ''}${rounds} rounds of ${seconds} s for each figure`,
    failed ? `REQUESTS HAVE FAILED: ${list(failures)}` : 'no request has failed',
  ]
}

function list(failures: Failures): string {
  return Object.entries(failures)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ')
}

function targetsPart(results: Results): Part {
  const rows = checkTargets(results).map(({ what, who, figure, met }) => [
    what,
    who,
    figure,
    met ? 'met' : 'not met',
  ])
  return { title: 'Targets', table: { head: ['target', 'of', 'figure', ''], rows, words: 4 } }
}

/** What is measured at once: a job with so many connections. */
type Load = Pick<Cell, 'job' | 'connections'>

function loadsOf({ cells }: Results): Load[] {
  return cells
    .filter(
      ({ job, connections }, i) =>
        cells.findIndex((cell) => cell.job === job && cell.connections === connections) === i,
    )
    .map(({ job, connections }) => ({ job, connections }))
}

function titleOf({ jobs }: Results, { job, connections }: Load): string {
  const title = jobs.find(({ name }) => name === job)?.title ?? job
  return `${title}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`
}

function loadPart(results: Results, load: Load): Part {
  const rows = results.contenders.flatMap(({ name, label }) => {
    const place = { ...load, contender: name }
    const cell = cellAt(results, place)
    if (cell === undefined) return []
    const rates = spread(cell.rounds.map(rateOf))
    const ratio = ratioTo(YARDSTICK, results, place, rateOf)
    const cpu = median(cell.rounds.map(cpuOf))
    const cpuRatio = ratioTo(YARDSTICK, results, place, cpuOf)
    return [
      [
        label,
        grouped(rates.median),
        `${grouped(rates.least)} to ${grouped(rates.most)}`,
        figure(ratio?.median, 2),
        figure(median(cell.rounds.map(({ p50 }) => p50)), 2),
        figure(median(cell.rounds.map(({ p99 }) => p99)), 2),
        figure(cpu, 0),
        figure(cpuRatio?.median, 2),
        list(cell.failures) || '0',
      ],
    ]
  })
  const head = [
    'contender',
    'requests/s',
    'all rounds',
    'by router1',
    'p50, ms',
    'p99, ms',
    'CPU, µs',
    'by router1',
    'failed',
  ]
  return { title: titleOf(results, load), table: { head, rows } }
}

/** Nothing where there is nothing. */
function figure(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits)
}

function latencyPart(results: Results): Part {
  const rows = results.contenders.flatMap(({ name, label }) => {
    const added = name === NONE ? undefined : addedLatency(results, name)
    return added === undefined ? [] : [[label, written(added, 3)]]
  })
  return {
    title: 'What a text search takes longer than without a proxy, p50 at one connection',
    table: { head: ['contender', 'added, ms'], rows },
  }
}

function firstBytePart(results: Results): Part {
  const rows = results.firstBytes.map(({ contender, delays }) => [
    labelOf(results, contender),
    written(spread(delays), 1),
  ])
  return {
    title: "From the client's first chunk to the first byte at the backend, 2 MB at 5 MB/s",
    table: { head: ['contender', 'ms'], rows },
  }
}

function memoryPart(results: Results): Part {
  const { peaks, growths, contenders } = results
  const loads = peaks.filter(
    ({ uploads, rate }, i) => peaks.findIndex((peak) => peak.uploads === uploads && peak.rate === rate) === i,
  )
  const rows = contenders.flatMap(({ name, label }) => {
    const growth = growths.find(({ contender }) => contender === name)
    const own = loads.map((load) =>
      peaks.find(
        ({ contender, uploads, rate }) =>
          contender === name && uploads === load.uploads && rate === load.rate,
      ),
    )
    if (growth === undefined && own.every((peak) => peak === undefined)) return []
    const some = growth && memoryBehind(growth, SOME)
    const [last, rss] = growth?.samples.at(-1) ?? []
    return [
      [
        label,
        megabytes(growth?.samples[0]?.[1]),
        ...own.map((peak) => (peak === undefined ? '' : `${megabytes(peak.peak)}${failedIn(peak)}`)),
        // Of what was too slow, how far it came.
        some === undefined && last !== undefined ? `${megabytes(rss)} (${grouped(last)})` : megabytes(some),
      ],
    ]
  })
  const head = [
    'contender',
    'idle',
    ...loads.map(
      ({ uploads, rate }) => `${uploads} uploads ${rate === null ? 'fast' : `at ${rate / 1e6} MB/s`}`,
    ),
    `after ${grouped(SOME)} searches`,
  ]
  return {
    title: 'Memory in MB: idle, at its peak during uploads of 31 MB, and afterwards',
    table: { head, rows },
  }
}

function failedIn({ failures }: Peak): string {
  const failed = list(failures)
  return failed === '' ? '' : ` (${failed})`
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : (bytes / 1e6).toFixed(0)
}

function movedPart(results: Results): Part {
  const { moved, contenders, jobs } = results
  const rows = contenders.flatMap(({ name, label }) => {
    const own = moved.filter(({ contender }) => contender === name)
    if (own.length === 0) return []
    const cells = jobs.map(({ name: job }) => {
      const bytes = own.find((each) => each.job === job)
      return bytes === undefined ? '' : ((bytes.read + bytes.written) / bytes.size).toFixed(2)
    })
    return [[label, ...cells]]
  })
  return {
    title: 'Bytes that system calls copy, in and out, by the bytes of the request',
    table: { head: ['contender', ...jobs.map(({ title }) => title)], rows },
  }
}

/** What is closer than this is the same. */
const LEAD = 1.03

/** Ours, and what cannot be ahead of a router, since it is none. */
const NOT_RIVALS: readonly string[] = [ROUTER, DIRECT, ...ADAPTERS, ...NOT_ROUTING]

/** Where a router does better than our plain one. */
function lossesPart(results: Results): Part {
  const rows = loadsOf(results).flatMap((load) =>
    results.contenders.flatMap(({ name, label }) => {
      if (NOT_RIVALS.includes(name)) return []
      return aheadOf(results, load, name).map((figures) => [titleOf(results, load), label, ...figures])
    }),
  )
  const head = ['load', 'ahead', 'by', 'theirs', 'ours']
  return { title: 'Where another router is ahead of createRouter', table: { head, rows, words: 3 } }
}

const MERITS: readonly { what: string; of: (round: Round) => number; better: 'more' | 'less' }[] = [
  { what: 'requests/s', of: rateOf, better: 'more' },
  { what: 'CPU, µs', of: cpuOf, better: 'less' },
]

/** What it does better, with its figure and ours. */
function aheadOf(results: Results, load: Load, name: string): string[][] {
  const middle = (contender: string, of: (round: Round) => number) =>
    grouped(median(cellAt(results, { ...load, contender })?.rounds.map(of) ?? []))
  return MERITS.flatMap(({ what, of, better }) => {
    const ratio = ratioTo(ROUTER, results, { ...load, contender: name }, of)
    if (ratio === undefined) return []
    const ahead = better === 'more' ? ratio.median > LEAD : ratio.median * LEAD < 1
    return ahead ? [[what, middle(name, of), middle(ROUTER, of)]] : []
  })
}
