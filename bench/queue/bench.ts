import { FAULT_ROWS } from '../../test/support/fault-rows.ts'
import { type Bench, names, number, type Say, type Values } from '../lib/bench.ts'
import { drawPlot } from '../lib/plot.ts'
import { type Column, type Part, type Report, table } from '../lib/report.ts'
import { aboutNginx, findNginx, INSTALL } from '../lib/server.ts'
import { CONTENDERS, NGINX, ROUTER } from './contenders.ts'
import { type Cell, measure, measureIdle } from './stage.ts'
import { SHARE, targetsPart, verdicts } from './targets.ts'
import { BACKENDS, FULL } from './timeline.ts'

const options = {
  rows: names(FAULT_ROWS),
  contenders: names(CONTENDERS),
  seconds: number('seconds of each row; shorter rows have shorter faults', String(FULL), '5'),
}

const IDLE = 3

export const QUEUE: Bench<typeof options, Results> = {
  name: 'queue',
  title: 'Faults and Immich’s queue',
  command: 'bench:queue',
  quick: '5 s a row',
  options,
  versions: () => ({ nginx: aboutNginx().version }),
  measure: run,
  report,
  plots,
}

/** The contents of `queue.json`. */
export type Results = Awaited<ReturnType<typeof run>>

async function run(asked: Values<typeof options>, say: Say) {
  const { rows, seconds } = asked
  const hasNginx = findNginx() !== undefined
  const contenders = asked.contenders.filter(({ name }) => name !== NGINX || hasNginx)
  if (contenders.length < asked.contenders.length) console.error(`nginx is skipped: ${INSTALL}`)
  say('idle searches')
  const idle = await measureIdle(Math.min(IDLE, seconds))
  const cells: Cell[] = []
  for (const row of rows) {
    for (const contender of contenders) {
      // Only a gateway restarts.
      if (row.restart === true && contender.name !== ROUTER) continue
      say(`${row.label}: ${contender.label}`)
      cells.push(await measure(row, contender, seconds, idle))
    }
  }
  return {
    settings: { seconds },
    idle,
    contenders,
    rows: rows.map(({ name, label }) => ({ name, label })),
    cells,
  }
}

function report(results: Results): Report {
  return {
    lines: [settingsLine(results)],
    summary: [targetsPart(results), lostPart(results)],
    details: [allPart(results), reasonsPart(results)],
  }
}

function settingsLine({ settings, cells, idle }: Results): string {
  const cores = Math.max(0, ...cells.map(({ generatorCores }) => generatorCores)).toFixed(2)
  const backends = BACKENDS.map(({ name, threads, time }) => `${name} ${threads} x ${time} ms`).join(', ')
  const p95 = BACKENDS.map(({ name }) => `${name} ${idle[name].toFixed(0)} ms`).join(', ')
  return `${settings.seconds} s a row, ${backends}; idle search p95 ${p95}; load generator: at most ${cores} cores`
}

/** Good jobs that each fault costs, by contender, and how this router compares with the backends that are left. */
function lostPart(results: Results): Part {
  const rows = verdicts(results).map(({ cell }) => cell)
  const at = (row: string, contender: string) =>
    results.cells.find((cell) => cell.row === row && cell.contender === contender)
  const lost = results.contenders.map(({ name, label }): Column<Cell> => {
    const write = ({ row }: Cell) => {
      const cell = at(row, name)
      return cell === undefined ? '' : writeLost(cell)
    }
    return [label, write]
  })
  const columns: Column<Cell>[] = [
    ['fault', (cell) => rowLabel(results, cell)],
    ...lost,
    ['share', ({ share }) => share.toFixed(2)],
    ['search p95 / idle', writeSearches],
  ]
  return table('Jobs lost', rows, columns)
}

function writeSearches({ searchP95, idleP95 }: Cell): string {
  return searchP95 === null ? '' : (searchP95 / idleP95).toFixed(1)
}

function allPart(results: Results): Part {
  const columns: Column<Cell>[] = [
    ['fault', (cell) => rowLabel(results, cell)],
    [
      'contender',
      ({ contender }) => results.contenders.find(({ name }) => name === contender)?.label ?? contender,
    ],
    ['jobs lost', writeLost],
    ['jobs done', ({ done }) => done],
    ['share', ({ share }) => share.toFixed(2)],
    ['searches lost', writeSearchesLost],
    ['search p95, ms', ({ searchP95 }) => searchP95?.toFixed(0) ?? ''],
    ['idle p95, ms', ({ idleP95 }) => idleP95.toFixed(0)],
    ['unfinished', ({ unfinished }) => unfinished],
  ]
  return table('Every contender', results.cells, columns, 2)
}

/** The most frequent reasons of this router's losses. */
function reasonsPart(results: Results): Part {
  const reasons = ({ failures }: Cell) =>
    Object.entries(failures)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 4)
      .map(([reason, count]) => `${reason}: ${count}`)
      .join(', ')
  const columns: Column<Cell>[] = [
    ['fault', (cell) => rowLabel(results, cell)],
    ['reasons', reasons],
  ]
  const cells = verdicts(results).flatMap(({ cell }) => (reasons(cell) === '' ? [] : [cell]))
  return table('Why this router lost jobs', cells, columns, 2)
}

function rowLabel({ rows }: Results, { row }: Cell): string {
  return rows.find(({ name }) => name === row)?.label ?? row
}

function writeLost({ lost, restart }: Cell): string {
  return restart === null ? String(lost) : `${lost} (+${restart.stopped} while down)`
}

function writeSearchesLost({ searchesLost, searchesLostDown }: Cell): string {
  return searchesLostDown === 0
    ? String(searchesLost)
    : `${searchesLost} (+${searchesLostDown} while no backend could serve them)`
}

function plots({ contenders, rows, cells }: Results) {
  if (cells.length === 0) return []
  const series = contenders.map(({ label }) => label)
  const rowsOf = (value: (cell: Cell) => number) =>
    rows.map(({ name, label }) => ({
      label: label.replaceAll('`', ''),
      values: contenders.map((contender) => {
        const cell = cells.find((each) => each.row === name && each.contender === contender.name)
        return cell && value(cell)
      }),
    }))
  const most = Math.max(10, ...cells.map(({ lost }) => lost))
  const lost = { label: 'jobs lost', from: 1, to: 10 ** Math.ceil(Math.log10(most)), log: true }
  const share = { label: 'share of what the healthy backends can do', from: 0, to: 1 }
  return [
    drawPlot('queue.svg', 'Jobs lost by fault', 2, [
      { title: 'Good jobs lost', x: lost, series, rows: rowsOf((cell) => cell.lost) },
      {
        title: 'Throughput from 5 s after the fault',
        ...{ x: share, series, rows: rowsOf((cell) => cell.share), rule: SHARE, digits: 2 },
      },
    ]),
  ]
}
