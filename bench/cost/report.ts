import { type Column, type Part, type Report, table, targetsPart } from '../lib/report.ts'
import { addCounts, type Counts, median, spread } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { ADAPTERS, DIRECT, FLOOR, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { type Cell, LOADS, type Round, SOME } from './measure.ts'
import {
  addedLatency,
  cellAt,
  checkTargets,
  cpuOf,
  grouped,
  type Load,
  labelOf,
  megabytes,
  memoryAfter,
  peaksAt,
  rateOf,
  ratio,
  written,
} from './targets.ts'

export function report(results: Results): Report {
  const { quick, rounds, seconds } = results.settings
  const failed = list(allFailures(results))
  const loads = results.cells.filter(
    (cell, i) => results.cells.findIndex((other) => isBeside(cell, other)) === i,
  )
  return {
    lines: [
      `${quick ? 'a quick run: ' : ''}${rounds} rounds of ${seconds} s for each figure`,
      failed === '' ? 'no request has failed' : `REQUESTS HAVE FAILED: ${failed}`,
    ],
    summary: [targetsPart('Targets', 'of', checkTargets(results)), lossesPart(results, loads)],
    details: [
      ...loads.map((load) => loadPart(results, load)),
      latencyPart(results),
      firstBytePart(results),
      memoryPart(results),
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

function isBeside(a: Load, b: Load): boolean {
  return a.job === b.job && a.connections === b.connections
}

function titleOf({ jobs }: Results, { job, connections }: Load): string {
  const title = jobs.find(({ name }) => name === job)?.title ?? job
  return `${title}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`
}

function loadPart(results: Results, load: Load): Part {
  const cells = results.contenders.flatMap(({ name }) => cellAt(results, load, name) ?? [])
  const middle = (of: (round: Round) => number, digits: number) => (cell: Cell) =>
    figure(median(cell.rounds.map(of)), digits)
  const byRouter1 = (of: (round: Round) => number) => (cell: Cell) =>
    figure(ratio(results, load, cell.contender, YARDSTICK, of)?.median, 2)
  const range = ({ rounds }: Cell) => {
    const { least, most } = spread(rounds.map(rateOf))
    return `${grouped(least)} to ${grouped(most)}`
  }
  return table<Cell>(titleOf(results, load), cells, [
    ['contender', ({ contender }) => labelOf(results, contender)],
    ['requests/s', ({ rounds }) => grouped(median(rounds.map(rateOf)))],
    ['all rounds', range],
    ['by router1', byRouter1(rateOf)],
    ['p50, ms', middle(({ p50 }) => p50, 2)],
    ['p99, ms', middle(({ p99 }) => p99, 2)],
    ['CPU, µs', middle(cpuOf, 0)],
    ['by router1', byRouter1(cpuOf)],
    ['failed', ({ failures }) => list(failures) || '0'],
  ])
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

function memoryPart(results: Results): Part {
  const { peaks, growths, contenders } = results
  type Row = (typeof contenders)[number]
  const rows = contenders.filter(({ name }) =>
    [...peaks, ...growths].some(({ contender }) => contender === name),
  )
  const samplesOf = ({ name }: Row) => growths.find(({ contender }) => contender === name)?.samples ?? []
  const peakAt = (name: string, { uploads, rate }: (typeof LOADS)[number]) =>
    peaksAt(results, name, uploads, rate)[0]
  const columns = LOADS.filter((load) => rows.some(({ name }) => peakAt(name, load))).map(
    (load): Column<Row> => {
      const write = ({ name }: Row) => {
        const failed = list(peakAt(name, load)?.failures ?? {})
        return `${megabytes(peakAt(name, load)?.peak)}${failed && ` (${failed})`}`
      }
      return [`${load.uploads} uploads ${load.rate === null ? 'fast' : `at ${load.rate / 1e6} MB/s`}`, write]
    },
  )
  const after = (row: Row) => {
    const some = memoryAfter(results, row.name, SOME)
    const [last = 0, rss] = samplesOf(row).at(-1) ?? []
    // Of a slow contender, how far it came.
    return some === undefined && rss !== undefined ? `${megabytes(rss)} (${grouped(last)})` : megabytes(some)
  }
  return table('Memory in MB: idle, at its peak during uploads of 31 MB, and afterwards', rows, [
    ['contender', ({ label }) => label],
    ['idle', (row) => megabytes(samplesOf(row)[0]?.[1])],
    ...columns,
    [`after ${grouped(SOME)} searches`, after],
  ])
}

/** What is closer than this is the same. */
const LEAD = 1.03
/** Ours, and what does not route. */
const NOT_RIVALS = [NONE, FLOOR, ROUTER, DIRECT, ...ADAPTERS, 'http-proxy-3', 'http-proxy-3/close']

/** Where another router does better than our plain one. */
function lossesPart(results: Results, loads: readonly Load[]): Part {
  const merits = [
    { what: 'requests/s', of: rateOf, isAhead: (by: number) => by > LEAD },
    { what: 'CPU, µs', of: cpuOf, isAhead: (by: number) => by * LEAD < 1 },
  ]
  const rivals = results.contenders.filter(({ name }) => !NOT_RIVALS.includes(name))
  const rows = loads.flatMap((load) =>
    rivals.flatMap(({ name, label }) =>
      merits
        .filter(({ of, isAhead }) => isAhead(ratio(results, load, name, ROUTER, of)?.median ?? Number.NaN))
        .map(({ what, of }) => {
          const middle = (each: string) => grouped(median(cellAt(results, load, each)?.rounds.map(of) ?? []))
          return [titleOf(results, load), label, what, middle(name), middle(ROUTER)]
        }),
    ),
  )
  const head = ['load', 'ahead', 'by', 'theirs', 'ours']
  return { title: 'Where another router is ahead of createRouter', head, rows, words: 3 }
}
