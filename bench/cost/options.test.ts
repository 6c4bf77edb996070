import { expect, it } from 'vitest'
import { parse } from '../lib/bench.ts'
import { leading, options, planCells } from './bench.ts'

const planned = (...args: string[]) =>
  planCells(parse(options, args)).map(
    ({ job, connections, contenders }) =>
      [job.name, connections, contenders.map(({ name }) => name)] as const,
  )

it('a full run has everyone on the jobs of the targets, and one of each technique everywhere', () => {
  const cells = planned()
  const at = (job: string, connections: number) =>
    cells.find((cell) => cell[0] === job && cell[1] === connections)?.[2]
  expect(at('text', 16)).toHaveLength(14)
  expect(at('500k', 16)).toEqual(at('text', 16))
  expect(at('2m', 16)).toHaveLength(8)
  expect(at('text', 64)).toEqual(['none', 'router', 'express', 'koa', 'http-proxy-3', 'nginx'])
  expect(at('2m', 64)).toBeUndefined()
})

it('a quick run has what the ratios of the targets need', () => {
  expect(planned('--quick')).toEqual([
    ['text', 1, ['none', 'router']],
    ['text', 16, ['floor', 'router', 'direct', 'express', 'koa']],
    ['500k', 16, ['router', 'nginx']],
  ])
  expect(leading(parse(options, ['--quick']).only, true).map(({ name }) => name)).toEqual(['router'])
})

it('a run can be narrowed', () => {
  expect(planned('--only', 'lua,router', '--jobs', '2m,text', '--connections', '16')).toEqual([
    ['text', 16, ['router', 'lua', 'lua/keep']],
    ['2m', 16, ['router', 'lua']],
  ])
  const { parts, rounds, seconds } = parse(options, [
    '--parts',
    'memory',
    '--rounds',
    '7',
    '--seconds',
    '0.5',
  ])
  expect([parts, rounds, seconds]).toEqual([[{ name: 'memory' }], [7], 0.5])
})

it.each([
  [['--only', 'apache'], 'nothing is called "apache"; there are none; floor; router;'],
  [['--parts', 'speed'], 'nothing is called "speed"; there are rounds;'],
  [['--rounds', '0'], '--rounds: takes whole numbers'],
  [['--connections', '1,many'], '--connections: takes a number, not "many"'],
  [['--round', '1'], "Unknown option '--round'"],
])('%j is refused', (args, message) => {
  expect(() => parse(options, args)).toThrow(message)
})
