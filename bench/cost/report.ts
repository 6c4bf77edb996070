import { type Column, type Part, type Report, table, targetsPart } from '../lib/report.ts'
import { addCounts, type Counts, median, spread } from '../lib/stats.ts'
import { ADAPTERS, CONTENDERS, DIRECT, NONE, ROUTER, routes, YARDSTICK } from './contenders.ts'
import { LOADS, SOME } from './measure.ts'
import type { Results, Round } from './results.ts'
import {
  addedLatency,
  cellAt,
  checkTargets,
  cpuOf,
  grouped,
  type Load,
  labelOf,
  memoryAfter,
  rateOf,
  ratio,
  written,
} from './targets.ts'

export function report(results: Results): Report {
  const { quick, rounds, seconds } = results.settings
  const failed = list(allFailures(results))
  return {
    lines: [
      `${quick ? 'a quick run: ' : ''}${rounds} rounds of ${seconds} s for each figure`,
      failed === '' ? 'no request has failed' : `REQUESTS HAVE FAILED: ${failed}`,
    ],
    summary: [targetsPart('Targets', 'of', checkTargets(results)), lossesPart(results)],
    details: [
      ...loadsOf(results).map((load) => loadPart(results, load)),
      latencyPart(results),
      firstBytePart(results),
      memoryPart(results),
      movedPart(results),
    ],
  }
}

export function allFailures({ cells, firstBytes, peaks, growths }: Results): Counts {
  const all = [...cells, ...firstBytes, ...peaks, ...growths]
  return all.map(({ failures }) => failures).reduce(addCounts, {})
}

function list(failures: Counts): string {
  const counts = Object.entries(failures).map(([what, count]) => `${what} ${count}`)
  return counts.join(', ')
}

function loadsOf({ cells }: Results): Load[] {
  return cells.filter(
    ({ job, connections }, i) =>
      cells.findIndex((cell) => cell.job === job && cell.connections === connections) === i,
  )
}

function titleOf({ jobs }: Results, { job, connections }: Load): string {
  const title = jobs.find(({ name }) => name === job)?.title ?? job
  return `${title}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`
}

function loadPart(results: Results, load: Load): Part {
  const cells = results.contenders.flatMap(({ name }) => cellAt(results, load, name) ?? [])
  const columns: Column<(typeof cells)[number]>[] = [
    ['contender', ({ contender }) => labelOf(results, contender)],
    ['requests/s', ({ rounds }) => grouped(median(rounds.map(rateOf)))],
    ['all rounds', ({ rounds }) => rangeOf(rounds)],
    ['by router1', (cell) => figure(ratio(results, load, cell.contender, YARDSTICK, rateOf)?.median, 2)],
    ['p50, ms', ({ rounds }) => figure(median(rounds.map(({ p50 }) => p50)), 2)],
    ['p99, ms', ({ rounds }) => figure(median(rounds.map(({ p99 }) => p99)), 2)],
    ['CPU, µs', ({ rounds }) => figure(median(rounds.map(cpuOf)), 0)],
    ['by router1', (cell) => figure(ratio(results, load, cell.contender, YARDSTICK, cpuOf)?.median, 2)],
    ['failed', ({ failures }) => list(failures) || '0'],
  ]
  return table(titleOf(results, load), cells, columns)
}

function rangeOf(rounds: readonly Round[]): string {
  const { least, most } = spread(rounds.map(rateOf))
  return `${grouped(least)} to ${grouped(most)}`
}

function figure(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits)
}

function latencyPart(results: Results): Part {
  const rows = results.contenders.flatMap(({ name, label }) => {
    const added = name === NONE ? undefined : addedLatency(results, name)
    return added === undefined ? [] : { label, added: written(added, 3) }
  })
  return table('What a text search takes longer than without a proxy, p50 at one connection', rows, [
    ['contender', ({ label }) => label],
    ['added, ms', ({ added }) => added],
  ])
}

function firstBytePart(results: Results): Part {
  const title = "From the client's first chunk to the first byte at the backend, 2 MB at 5 MB/s"
  return table(title, results.firstBytes, [
    ['contender', ({ contender }) => labelOf(results, contender)],
    ['ms', ({ delays }) => written(spread(delays), 1)],
  ])
}

function memoryPart({ peaks, growths, contenders }: Results): Part {
  const rows = contenders
    .map(({ name, label }) => ({
      label,
      growth: growths.find(({ contender }) => contender === name),
      peaks: peaks.filter(({ contender }) => contender === name),
    }))
    .filter((row) => row.growth !== undefined || row.peaks.length > 0)
  type Row = (typeof rows)[number]
  const loads = LOADS.filter((load) =>
    peaks.some((peak) => peak.uploads === load.uploads && peak.rate === load.rate),
  )
  const columns = loads.map(({ uploads, rate }): Column<Row> => {
    const head = `${uploads} uploads ${rate === null ? 'fast' : `at ${rate / 1e6} MB/s`}`
    return [
      head,
      (row) => {
        const own = row.peaks.find((peak) => peak.uploads === uploads && peak.rate === rate)
        const failed = list(own?.failures ?? {})
        return `${megabytes(own?.peak)}${failed && ` (${failed})`}`
      },
    ]
  })
  const after = ({ growth }: Row) => {
    const some = growth && memoryAfter(growth, SOME)
    const [last = 0, rss] = growth?.samples.at(-1) ?? []
    // Of a slow contender, how far it came.
    return some === undefined && rss !== undefined ? `${megabytes(rss)} (${grouped(last)})` : megabytes(some)
  }
  return table('Memory in MB: idle, at its peak during uploads of 31 MB, and afterwards', rows, [
    ['contender', ({ label }) => label],
    ['idle', ({ growth }) => megabytes(growth?.samples[0]?.[1])],
    ...columns,
    [`after ${grouped(SOME)} searches`, after],
  ])
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : (bytes / 1e6).toFixed(0)
}

function movedPart({ moved, contenders, jobs }: Results): Part {
  const rows = contenders.filter(({ name }) => moved.some(({ contender }) => contender === name))
  return table('Bytes that system calls copy, in and out, by the bytes of the request', rows, [
    ['contender', ({ label }) => label],
    ...jobs.map(
      (job): Column<(typeof rows)[number]> => [
        job.title,
        ({ name }) => {
          const bytes = moved.find((each) => each.contender === name && each.job === job.name)
          return bytes === undefined ? '' : ((bytes.read + bytes.written) / bytes.size).toFixed(2)
        },
      ],
    ),
  ])
}

/** What is closer than this is the same. */
const LEAD = 1.03
/** Ours, and what does not route. */
const NOT_RIVALS = [
  NONE,
  ROUTER,
  DIRECT,
  ...ADAPTERS,
  ...CONTENDERS.filter((each) => !routes(each)).map(({ name }) => name),
]

/** Where another router does better than our plain one. */
function lossesPart(results: Results): Part {
  const rivals = results.contenders.filter(({ name }) => !NOT_RIVALS.includes(name))
  const middle = (load: Load, name: string, of: (round: Round) => number) =>
    grouped(median(cellAt(results, load, name)?.rounds.map(of) ?? []))
  const rows = loadsOf(results).flatMap((load) =>
    rivals.flatMap(({ name, label }) => {
      const rate = ratio(results, load, name, ROUTER, rateOf)?.median ?? 0
      const cpu = ratio(results, load, name, ROUTER, cpuOf)?.median ?? Number.POSITIVE_INFINITY
      const by = [
        ...(rate > LEAD ? [['requests/s', rateOf] as const] : []),
        ...(cpu * LEAD < 1 ? [['CPU, µs', cpuOf] as const] : []),
      ]
      return by.map(([what, of]) => ({
        ...{ load: titleOf(results, load), label, what },
        ...{ theirs: middle(load, name, of), ours: middle(load, ROUTER, of) },
      }))
    }),
  )
  const columns: Column<(typeof rows)[number]>[] = [
    ['load', ({ load }) => load],
    ['ahead', ({ label }) => label],
    ['by', ({ what }) => what],
    ['theirs', ({ theirs }) => theirs],
    ['ours', ({ ours }) => ours],
  ]
  return table('Where another router is ahead of createRouter', rows, columns, 3)
}
