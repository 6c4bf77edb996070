import { expect, it } from 'vitest'
import { asTerminal } from '../lib/report.ts'
import { QUEUE, type Results } from './bench.ts'
import type { Cell } from './stage.ts'
import { judge, targetsPart } from './targets.ts'

const cell: Cell = {
  row: '401',
  contender: 'router',
  lost: 0,
  done: 100,
  unfinished: 0,
  share: 0.93,
  searchesLost: 0,
  searchesLostDown: 0,
  searchP95: 280,
  idleP95: 150,
  restart: null,
  failures: {},
  generatorCores: 0.1,
}

const results: Results = {
  settings: { seconds: 20 },
  idle: { gpu: 21, nas: 150 },
  contenders: [
    { name: 'router', label: 'this router' },
    { name: 'immich', label: "Immich's list" },
  ],
  rows: [
    { name: '401', label: 'GPU answers 401' },
    { name: 'restart', label: 'gateway restarts' },
  ],
  cells: [
    cell,
    { ...cell, contender: 'immich', lost: 12, failures: { 'status 401': 12 } },
    { ...cell, row: 'restart', lost: 4, restart: { draining: 4, stopped: 900 }, searchesLostDown: 2 },
  ],
}

const withCell = (more: Partial<Cell>): Results => ({ ...results, cells: [{ ...cell, ...more }] })

const plotNames = (shown: Results) => QUEUE.plots(shown).flatMap((plot) => plot?.name ?? [])

it('counts the faults that meet each target', () => {
  expect(targetsPart(results).rows).toEqual([
    ['no good jobs lost', '2 of 2 faults'],
    ['share at least 0.9 (flapping 0.7)', '2 of 2 faults'],
    ['no searches lost', '2 of 2 faults'],
    ['search p95 at most 2 x idle', '2 of 2 faults'],
    ["no more jobs lost than with Immich's list", '1 of 1 faults'],
  ])
  expect(targetsPart(withCell({ lost: 1 })).rows[0]).toEqual(['no good jobs lost', '0 of 1 faults'])
})

it.each<[Partial<Cell>, object]>([
  [{ lost: 1 }, { lost: false }],
  [
    { lost: 5, restart: { draining: 5, stopped: 0 } },
    { lost: true, noWorse: undefined },
  ],
  [{ lost: 6, restart: { draining: 6, stopped: 0 } }, { lost: false }],
  [{ share: 0.89 }, { share: false }],
  [{ share: 0.7, row: 'flapping' }, { share: true }],
  [{ searchesLost: 1 }, { searchesLost: false }],
  [{ searchesLostDown: 1 }, { searchesLost: true }],
  [{ searchP95: 301 }, { searchP95: false }],
  [{ searchP95: null }, { searchP95: undefined }],
  [{ lost: 13 }, { noWorse: false }],
])('%o', (more, expected) => {
  expect(judge({ ...cell, ...more }, { ...cell, lost: 12 })).toMatchObject(expected)
})

it('the report shows every contender, and why this router lost jobs', () => {
  const report = asTerminal(QUEUE.report(results))
  expect(report).toMatch(/gateway restarts +4 \(\+900 while down\) /)
  expect(report).toMatch(/GPU answers 401 +Immich's list +12 +100/)
  expect(report).not.toContain('Why this router lost jobs')
  const lost = withCell({ lost: 3, failures: { 'status 401': 2, ECONNRESET: 1 } })
  expect(asTerminal(QUEUE.report(lost))).toContain('status 401: 2, ECONNRESET: 1')
})

it('without cells there is no plot', () => {
  expect(plotNames(results)).toEqual(['queue.svg'])
  expect(plotNames({ ...results, cells: [] })).toEqual([])
})
