import { expect, it } from 'vitest'
import { asTerminal } from '../lib/report.ts'
import { COST, type Results } from './bench.ts'
import type { Cell, Round } from './measure.ts'
import { checkTargets, rateOf, ratio } from './targets.ts'

/** One round for each rate. */
function cell(contender: string, job: string, rates: readonly number[], round: Partial<Round> = {}): Cell {
  const rounds = rates.map((rate) => ({ rate, p50: 1, p99: 5, cpu: 100, ...round }))
  return { contender, job, connections: 16, rounds, failures: {} }
}

const results: Results = {
  settings: { quick: false, rounds: 3, seconds: 1, connections: [1, 16] },
  contenders: [
    { name: 'none', label: 'no proxy' },
    { name: 'floor', label: 'floor' },
    { name: 'router', label: 'createRouter' },
    { name: 'direct', label: 'direct' },
    { name: 'express', label: 'Express' },
    { name: 'koa', label: 'Koa' },
    { name: 'http-proxy-3', label: 'http-proxy-3' },
    { name: 'nginx', label: 'nginx' },
    { name: 'lua', label: 'Lua' },
  ],
  jobs: [
    { name: 'text', title: 'text search' },
    { name: '500k', title: 'image' },
  ],
  cells: [
    { ...cell('none', 'text', [9000, 9000, 9000], { p50: 0.1, cpu: null }), connections: 1 },
    { ...cell('router', 'text', [2000, 2000, 2000], { p50: 0.5 }), connections: 1 },
    cell('floor', 'text', [2000, 1000, 2000], { cpu: 40 }),
    cell('router', 'text', [1300, 650, 1400], { cpu: 66 }),
    cell('direct', 'text', [1400, 700, 1400], { cpu: 56 }),
    cell('express', 'text', [1100, 550, 1100], { cpu: 75 }),
    cell('koa', 'text', [1290, 645, 1290], { cpu: 77 }),
    cell('http-proxy-3', 'text', [5000, 5000, 5000]),
    // The machine is slow in the second round.
    cell('nginx', 'text', [1000, 500, 1000]),
    cell('lua', 'text', [1400, 1320, 1320], { cpu: 60 }),
    cell('router', '500k', [210, 220, 230], { cpu: 500 }),
    cell('nginx', '500k', [100, 100, 100], { cpu: 1001 }),
  ],
  firstBytes: [
    { contender: 'router', delays: [1, 2, 30], failures: {} },
    { contender: 'nginx', delays: [400, 401, 402], failures: {} },
  ],
  peaks: [
    { contender: 'router', uploads: 64, rate: null, peak: 240e6, failures: {} },
    { contender: 'router', uploads: 64, rate: 5e6, peak: 251e6, failures: {} },
    { contender: 'nginx', uploads: 64, rate: null, peak: 7e9, failures: { 'status 500': 2 } },
  ],
  growths: [
    {
      contender: 'router',
      samples: [
        [0, 80e6],
        [90_000, 150e6],
        [110_000, 200e6],
        [1_000_000, 209e6],
      ],
      failures: {},
    },
    {
      contender: 'nginx',
      samples: [
        [0, 5e6],
        [70_000, 7e6],
      ],
      failures: {},
    },
  ],
  classification: [
    { small: 10, large: 10.5 },
    { small: 10, large: 12 },
    { small: 10, large: 10.9 },
  ],
}

const terminalOf = (shown: Results) => asTerminal(COST.report(shown))

const plotNames = (shown: Results) => COST.plots(shown).flatMap((plot) => plot?.name ?? [])

it('ratios compare figures of the same round', () => {
  const load = { job: 'text', connections: 16 }
  expect(ratio(results, load, 'router', 'nginx', rateOf)).toEqual({ least: 1.3, median: 1.3, most: 1.4 })
})

it('the targets are checked within one run', () => {
  expect(checkTargets(results).map(({ what, of, figure, met }) => [what, of, figure, met])).toEqual([
    ['CPU time for a text search: at most 1.38 x floor (goal 1.25 x)', 'direct', '1.40', false],
    ['CPU time for a text search: at most 0.25 x floor more than direct', 'createRouter', '0.25', true],
    ['CPU time for a text search: at most 0.25 x floor more than createRouter', 'Express', '0.23', true],
    ['CPU time for a text search: at most 0.25 x floor more than createRouter', 'Koa', '0.28', false],
    ['500 KB image requests/s: at least 2 x nginx', 'createRouter', '2.20', true],
    ['CPU time for a 500 KB image: at most 0.5 x nginx', 'createRouter', '0.50', true],
    ['added p50 of a text search at one connection at most 0.5 ms', 'createRouter', '0.40 ms', true],
    ['peak memory of 64 uploads of 31 MB at most 250 MB, fast', 'createRouter', '240 MB', true],
    ['peak memory of 64 uploads of 31 MB at most 250 MB, at 5 MB/s each', 'createRouter', '251 MB', false],
    ['first byte of a slow upload at the backend within 20 ms', 'createRouter', '2.0 ms', true],
    ['classification of 300 MB at most 1.1 x that of 300 bytes', 'core', '1.09', true],
    [
      'memory after 1,000,000 requests at most 1.05 x that after 100,000',
      'createRouter',
      '1.045 (200 to 209 MB)',
      true,
    ],
  ])
})

it('a target without measurements is left out', () => {
  const nothing = { cells: [], firstBytes: [], peaks: [], growths: [], classification: [] }
  expect(checkTargets({ ...results, ...nothing })).toEqual([])
  const withoutNginx = results.cells.filter(({ contender }) => ['none', 'router'].includes(contender))
  expect(checkTargets({ ...results, ...nothing, cells: withoutNginx }).map(({ what }) => what)).toEqual([
    'added p50 of a text search at one connection at most 0.5 ms',
  ])
})

it('the report lists other routers that are ahead, and no contender that does not route', () => {
  const report = terminalOf(results)
  expect(report).toMatch(/text search, 16 connections +Lua +1,320 \/ 1,300 +60 \/ 66\n/)
  expect(report).not.toMatch(/connections +http-proxy-3/)
})

it('the report lists failures, and the request count of slow contenders', () => {
  const report = terminalOf(results)
  expect(report).toContain('FAILED REQUESTS: status 500 2')
  expect(report).toMatch(/\nnginx +5 +7000 \(status 500 2\) +7 \(70,000\)$/)
  expect(terminalOf({ ...results, peaks: [] })).toContain('no failed requests')
})

it('a plot without measurements is left out', () => {
  const names = ['cost-speed.svg', 'cost-memory.svg', 'cost-growth.svg', 'cost-first-byte.svg']
  expect(plotNames(results)).toEqual(names)
  const few = { ...results, cells: [], growths: [], peaks: [] }
  expect(plotNames(few)).toEqual(['cost-first-byte.svg'])
})
