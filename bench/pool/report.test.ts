import { expect, it } from 'vitest'
import { toJson } from '../lib/bench.ts'
import { asTerminal } from '../lib/report.ts'
import { POOL, type Results } from './bench.ts'
import { checkTargets } from './report.ts'
import type { Cell } from './stage.ts'

const cell: Cell = {
  pool: 'three',
  contender: 'urls',
  inFlight: 8,
  share: 0.97,
  idle: [20, 22, 24],
  busy: [30, 35, 40],
  unanswered: 0,
  failures: {},
  limits: [
    [-1, 4, 2, null],
    [0.5, 5, 2, 1],
  ],
  generatorCores: 0.1,
  generatorLateness: 1,
  generatorPause: 5,
  tries: 1,
}

const results: Results = {
  settings: { seed: '1', seconds: 4, idleSeconds: 1, inFlight: [8, 64] },
  pools: [
    { name: 'three', title: 'Three', servers: ['gpu', 'mac', 'nas'], slow: null },
    { name: 'changing', title: 'Changing', servers: ['gpu', 'mac', 'nas'], slow: [2, 4] },
  ],
  contenders: [
    { name: 'urls', label: 'URLs alone' },
    { name: 'nginx', label: 'nginx least_conn' },
    { name: 'immich', label: "Immich's list" },
  ],
  cells: [
    cell,
    { ...cell, inFlight: 64, share: 0.949, busy: [30, 35, 60], failures: { 'status 503': 2 } },
    { ...cell, pool: 'changing', share: 0.91 },
    { ...cell, contender: 'immich', share: 0.75, idle: [20, 21, 22] },
    { ...cell, contender: 'nginx', share: 0.99, busy: [10, 900], unanswered: 1, limits: [] },
  ],
  imports: [
    {
      pool: 'three',
      contender: 'urls',
      inFlight: 8,
      runs: [
        { makespan: 1040, ideal: 1000 },
        { makespan: 1100, ideal: 1000 },
        { makespan: 1050, ideal: 1000 },
      ],
      failures: {},
    },
  ],
}

const plotNames = (shown: Results) => POOL.plots(shown).flatMap((plot) => plot?.name ?? [])

it('the targets are checked for URLs alone, on every pool', () => {
  expect(checkTargets(results).map(({ what, of, figure, met }) => [what, of, figure, met])).toEqual([
    ['share of the ideal at least 0.95', 'Three', '0.970 / 0.949', false],
    ['share of the ideal at least 0.9', 'Changing', '0.910', true],
    ['search p95 during an import at most 2 x idle', 'Three', '1.6 / 2.4 x 24 ms', false],
    ['search p95 during an import at most 2 x idle', 'Changing', '1.7 x 24 ms', true],
    [
      'idle search p95 at most 2 ms above the best server alone',
      'Three',
      '24.0 ms, best server 21.9 ms',
      false,
    ],
    ['no failed requests', 'all pools', '2', false],
    ['import of 200 images at most 1.05 x the lower bound', 'Three', '1.050', true],
  ])
})

it('a target without measurements is left out', () => {
  expect(checkTargets({ ...results, cells: results.cells.slice(4), imports: [] })).toEqual([])
})

it('the report lists where another router is ahead, and unanswered searches', () => {
  const report = asTerminal(POOL.report(results))
  expect(report).toMatch(/Three +8 +nginx least_conn +share +0\.990 +0\.970\n/)
  expect(report).not.toMatch(/Immich's list +share/)
  expect(report).toMatch(/nginx least_conn +0\.990 .* > 856 /)
})

it('a plot without measurements is left out', () => {
  const all = ['pool-throughput.svg', 'pool-searches.svg', 'pool-limits.svg']
  expect(plotNames(results)).toEqual(all)
  const unlimited = { ...results, cells: results.cells.map((each) => ({ ...each, limits: [] })) }
  expect(plotNames(unlimited)).toEqual(all.slice(0, 2))
})

it('the JSON has a line for each cell, and reads back', () => {
  const json = toJson(results)
  expect(JSON.parse(json)).toEqual(results)
  expect(json.match(/\n {4}\{"pool"/g)).toHaveLength(results.cells.length + results.imports.length)
})
