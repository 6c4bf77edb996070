import { machineLine } from '../lib/machine.ts'
import type { Part, Report } from '../lib/report.ts'
import { BACKENDS } from './contenders.ts'
import type { Cell, Results } from './results.ts'
import { targetsLine, verdicts, yesNo } from './targets.ts'

export function reportOf(results: Results): Report {
  return {
    lines: [machineLine(results.machine), settingsLine(results), targetsLine(results)],
    summary: [targetsPart(results)],
    details: [allPart(results), reasonsPart(results)],
  }
}

function settingsLine({ settings, cells, idle }: Results): string {
  const cores = Math.max(0, ...cells.map(({ generatorCores }) => generatorCores)).toFixed(2)
  const backends = BACKENDS.map(({ name, threads, time }) => `${name} ${threads} x ${time} ms`).join(', ')
  const p95 = BACKENDS.map(({ name }) => `${name} ${idle[name].toFixed(0)} ms`).join(', ')
  return `${settings.seconds} s a row, ${backends}; idle search p95 ${p95}; the load generator used ${cores} cores at most`
}

function targetsPart(results: Results): Part {
  const rows = verdicts(results).map(({ cell, verdict }) => [
    labelOf(results, cell),
    writeLost(cell),
    yesNo(verdict.lost),
    cell.share.toFixed(2),
    yesNo(verdict.share),
    writeSearchesLost(cell),
    yesNo(verdict.searchesLost),
    writeTimes(cell),
    yesNo(verdict.searchP95),
  ])
  const head = [
    'fault',
    'jobs lost',
    'met',
    'share',
    'met',
    'searches lost',
    'met',
    'search p95 / idle',
    'met',
  ]
  return { title: 'This router, nothing configured but two URLs', table: { head, rows } }
}

function allPart(results: Results): Part {
  const rows = results.cells.map((cell) => [
    labelOf(results, cell),
    results.contenders.find(({ name }) => name === cell.contender)?.label ?? cell.contender,
    writeLost(cell),
    String(cell.done),
    cell.share.toFixed(2),
    writeSearchesLost(cell),
    writeMs(cell.searchP95),
    writeMs(cell.idleP95),
    String(cell.unfinished),
  ])
  const head = [
    'fault',
    'contender',
    'jobs lost',
    'jobs done',
    'share',
    'searches lost',
    'search p95, ms',
    'idle p95, ms',
    'unfinished',
  ]
  return { title: 'Every contender', table: { head, rows, words: 2 } }
}

/** The most frequent reasons of this router's losses. */
function reasonsPart(results: Results): Part {
  const rows = verdicts(results)
    .filter(({ cell }) => Object.keys(cell.failures).length > 0)
    .map(({ cell }) => [
      labelOf(results, cell),
      Object.entries(cell.failures)
        .sort(([, a], [, b]) => b - a)
        .slice(0, 4)
        .map(([reason, count]) => `${reason}: ${count}`)
        .join(', '),
    ])
  return { title: 'Why this router lost jobs', table: { head: ['fault', 'reasons'], rows, words: 2 } }
}

function labelOf({ rows }: Results, { row }: Cell): string {
  return rows.find(({ name }) => name === row)?.label ?? row
}

function writeLost({ lost, restart }: Cell): string {
  return restart === null ? String(lost) : `${lost} (+${restart.stopped} while it was not running)`
}

function writeSearchesLost({ searchesLost, searchesLostDown }: Cell): string {
  return searchesLostDown === 0
    ? String(searchesLost)
    : `${searchesLost} (+${searchesLostDown} while nothing could serve them)`
}

function writeTimes({ searchP95, idleP95 }: Cell): string {
  return searchP95 === null ? '' : (searchP95 / idleP95).toFixed(1)
}

function writeMs(milliseconds: number | null): string {
  return milliseconds?.toFixed(0) ?? ''
}
