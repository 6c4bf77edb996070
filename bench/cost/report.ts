import { type Column, measuredPart, type Part, type Report, table, targetsPart } from '../lib/report.ts'
import { addCounts, type Counts, median, spread } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { ADAPTERS, DIRECT, FLOOR, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { type Cell, LARGEST, LOADS, type Round, SOME, TYPICAL } from './measure.ts'
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
      `${quick ? 'quick run, ' : ''}${rounds} rounds of ${seconds} s`,
      failed === '' ? 'no failed requests' : `FAILED REQUESTS: ${failed}`,
    ],
    summary: [targetsPart(checkTargets(results)), overviewPart(results), lossesPart(results, loads)],
    details: [
      measuredPart(checkTargets(results)),
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
  const title = titleOf(results, load)
  return table<Cell>(`${title.charAt(0).toUpperCase()}${title.slice(1)}`, cells, [
    ['contender', ({ contender }) => labelOf(results, contender)],
    ['requests/s', ({ rounds }) => grouped(median(rounds.map(rateOf)))],
    ['range', range],
    ['x router1', byRouter1(rateOf)],
    ['p50, ms', middle(({ p50 }) => p50, 2)],
    ['p99, ms', middle(({ p99 }) => p99, 2)],
    ['CPU, µs', middle(cpuOf, 0)],
    ['x router1', byRouter1(cpuOf)],
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
  return table('Added p50 of a text search at one connection', rows, [
    ['contender', ({ label }) => label],
    ['added, ms', ({ added }) => added],
  ])
}

function firstBytePart(results: Results): Part {
  const title = 'First byte at the backend of an upload of 2 MB at 5 MB/s'
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
    // A slow contender carries fewer requests; the count follows in brackets.
    return some === undefined && rss !== undefined ? `${megabytes(rss)} (${grouped(last)})` : megabytes(some)
  }
  return table('Memory in MB: idle, peak during uploads of 31 MB, after searches', rows, [
    ['contender', ({ label }) => label],
    ['idle', (row) => megabytes(samplesOf(row)[0]?.[1])],
    ...columns,
    [`after ${grouped(SOME)} searches`, after],
  ])
}

/** Variants that lead to no conclusion of their own; the details have them. */
const HIDDEN = ['fastapi/keep', 'http-proxy-3/close']

/** The loads of the targets, side by side. */
function overviewPart(results: Results): Part {
  type Row = Results['contenders'][number]
  const middle =
    (job: string, of: (round: Round) => number) =>
    ({ name }: Row) => {
      const cell = cellAt(results, { job, connections: TYPICAL }, name)
      const value = median(cell?.rounds.map(of) ?? [])
      return Number.isNaN(value) ? '' : grouped(value)
    }
  const firstByte = ({ name }: Row) => {
    const delays = results.firstBytes.find(({ contender }) => contender === name)?.delays
    return delays === undefined ? '' : median(delays).toFixed(1)
  }
  const memory = ({ name }: Row) =>
    megabytes(peaksAt(results, name, LARGEST.uploads, LARGEST.rate).map(({ peak }) => peak)[0])
  const columns: Column<Row>[] = [
    ['text, requests/s', middle('text', rateOf)],
    ['text, CPU µs', middle('text', cpuOf)],
    ['image, requests/s', middle('500k', rateOf)],
    ['image, CPU µs', middle('500k', cpuOf)],
    ['first byte, ms', firstByte],
    ['memory, MB', memory],
  ]
  const rows = results.contenders.filter(
    (row) => !HIDDEN.includes(row.name) && columns.some(([, write]) => write(row) !== ''),
  )
  return table(`At ${TYPICAL} connections`, rows, [['contender', ({ label }) => label], ...columns])
}

/** A smaller difference is noise. */
const LEAD = 1.03
/** Ours, and what does not route. */
const NOT_RIVALS = [NONE, FLOOR, ROUTER, DIRECT, ...ADAPTERS, 'http-proxy-3', 'http-proxy-3/close']

/** Loads on which another router handles more requests than createRouter, or needs less CPU time. */
function lossesPart(results: Results, loads: readonly Load[]): Part {
  const rivals = results.contenders.filter(({ name }) => !NOT_RIVALS.includes(name))
  const rows = loads.flatMap((load) =>
    rivals.flatMap(({ name, label }) => {
      const by = (of: (round: Round) => number) =>
        ratio(results, load, name, ROUTER, of)?.median ?? Number.NaN
      const both = (of: (round: Round) => number) =>
        [name, ROUTER]
          .map((each) => grouped(median(cellAt(results, load, each)?.rounds.map(of) ?? [])))
          .join(' / ')
      const faster = by(rateOf) > LEAD
      const cheaper = by(cpuOf) * LEAD < 1
      if (!faster && !cheaper) return []
      return [[titleOf(results, load), label, faster ? both(rateOf) : '', cheaper ? both(cpuOf) : '']]
    }),
  )
  const head = ['load', 'ahead', 'requests/s, theirs / ours', 'CPU µs, theirs / ours']
  return { title: 'Where another router is ahead of createRouter', head, rows, words: 2 }
}
