import { existsSync, readFileSync } from 'node:fs'
import { DOMParser } from '@xmldom/xmldom'
import { describe, expect, it } from 'vitest'
import { readSection } from '../lib/document.ts'
import { drawPlots } from './plots.ts'
import { asReport, asSection } from './report.ts'
import { type Cell, type Results, toJson } from './results.ts'
import { checkTargets } from './targets.ts'

const cell: Cell = {
  pool: 'three',
  contender: 'urls',
  inFlight: 8,
  share: 0.97,
  idle: [20, 22, 24],
  busy: [30, 35, 40],
  unanswered: 0,
  bulkMedian: 40,
  bulkP95: 60,
  byServer: { gpu: 100 },
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
  machine: {
    date: '2026-01-01',
    commit: 'abc',
    cpu: 'a CPU',
    cores: 2,
    memoryGiB: 8,
    system: 'Linux 6',
    versions: { node: '24' },
    load: 0,
  },
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

it('the targets are held against what URLs alone have reached, on every pool', () => {
  expect(checkTargets(results).map(({ what, where, figure, met }) => [what, where, figure, met])).toEqual([
    ['share of the ideal at least 0.95', 'Three', '0.970, 0.949 (8, 64 in flight)', false],
    ['share of the ideal at least 0.9', 'Changing', '0.910 (8 in flight)', true],
    [
      'search p95 during an import at most 2 times the idle one',
      'Three',
      '1.6, 2.4 times 24 ms (8, 64 in flight)',
      false,
    ],
    [
      'search p95 during an import at most 2 times the idle one',
      'Changing',
      '1.7 times 24 ms (8 in flight)',
      true,
    ],
    [
      'idle search p95 at most 2 ms longer than straight to the best server',
      'Three',
      '24.0 ms, straight 21.9 ms',
      false,
    ],
    ['no failed request', 'everywhere', '2', false],
    ['an import of 200 images at most 5 % longer than the bound', 'Three', '1.050 (8 in flight)', true],
  ])
})

it('what nobody has measured is no target', () => {
  expect(checkTargets({ ...results, cells: results.cells.slice(4), imports: [] })).toEqual([])
})

it('the report says where another is ahead, and which searches had no answer', () => {
  const report = asReport(results)
  expect(report).toMatch(/Three +8 +nginx least_conn +share of the ideal +0\.990 +0\.970\n/)
  expect(report).not.toMatch(/Immich's list +share/)
  expect(report).toMatch(/nginx least_conn +0\.990 .* > 856 /)
})

it('the plots are XML, and show what there is', () => {
  const plots = drawPlots(results)
  expect(plots.map(({ name }) => name)).toEqual([
    'pool-throughput.svg',
    'pool-searches.svg',
    'pool-limits.svg',
  ])
  const onError = (level: string, message: string) => {
    throw new Error(`${level}: ${message}`)
  }
  for (const { svg } of plots) new DOMParser({ onError }).parseFromString(svg, 'image/svg+xml')
  const unlimited = { ...results, cells: results.cells.map((each) => ({ ...each, limits: [] })) }
  expect(drawPlots(unlimited).map(({ name }) => name)).not.toContain('pool-limits.svg')
})

it('the JSON has a line for each cell, and reads back', () => {
  const json = toJson(results)
  expect(JSON.parse(json)).toEqual(results)
  expect(json.match(/\n {4}\{"pool"/g)).toHaveLength(results.cells.length + results.imports.length)
})

describe('docs/benchmarks.md', () => {
  const docs = new URL('../../docs/', import.meta.url)
  const saved = new URL('benchmarks/pool.json', docs)

  it('shows the results that are saved beside it, as --redraw --save writes them', () => {
    const measured: Results = JSON.parse(readFileSync(saved, 'utf8'))
    const plots = drawPlots(measured)
    const document = readFileSync(new URL('benchmarks.md', docs), 'utf8')
    expect(readSection(document, 'pool')).toBe(asSection(measured, plots).trim())
    for (const { name, svg } of plots) {
      const file = new URL(`benchmarks/${name}`, docs)
      expect(existsSync(file) && readFileSync(file, 'utf8') === svg, name).toBe(true)
    }
  })
})
