import { expect, it } from 'vitest'
import { parseOptions } from './options.ts'
import { leading, planCells } from './plan.ts'

const planned = (...args: string[]) =>
  planCells(parseOptions(args)).map(
    ({ job, connections, contenders }) =>
      [job.name, connections, contenders.map(({ name }) => name)] as const,
  )

it('a full run has everyone on the jobs of the targets, and one of each technique everywhere', () => {
  const cells = planned()
  const at = (job: string, connections: number) =>
    cells.find((cell) => cell[0] === job && cell[1] === connections)?.[2]
  expect(at('text', 16)).toHaveLength(13)
  expect(at('500k', 16)).toEqual(at('text', 16))
  expect(at('2m', 16)).toHaveLength(8)
  expect(at('text', 64)).toEqual(['none', 'router', 'express', 'koa', 'http-proxy-3', 'nginx'])
  expect(at('2m', 64)).toBeUndefined()
})

it('a quick run has what the ratios of the targets need', () => {
  expect(planned('--quick')).toEqual([
    ['text', 1, ['none', 'router']],
    ['text', 16, ['router', 'express', 'koa', 'nginx']],
    ['500k', 16, ['router', 'nginx']],
  ])
  expect(leading(parseOptions(['--quick'])).map(({ name }) => name)).toEqual(['router'])
})

it('a run can be narrowed', () => {
  expect(planned('--only', 'lua,router', '--jobs', '2m,text', '--connections', '16')).toEqual([
    ['text', 16, ['router', 'lua', 'lua/keep']],
    ['2m', 16, ['router', 'lua']],
  ])
  const { parts, settings } = parseOptions(['--parts', 'memory', '--rounds', '7', '--seconds', '0.5'])
  expect([parts, settings.rounds, settings.seconds]).toEqual([['memory'], 7, 0.5])
})

it.each([
  [['--only', 'apache'], 'nothing is called "apache"; there are none; router;'],
  [['--parts', 'speed'], 'nothing is called "speed"; there are rounds;'],
  [['--rounds', '0'], '--rounds takes whole numbers'],
  [['--connections', '1,many'], '--connections takes a number, not "many"'],
  [['--round', '1'], "Unknown option '--round'"],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message)
})

it('only what is saved goes to the docs', () => {
  expect(parseOptions(['--save', '--redraw'])).toMatchObject({ out: undefined, redraw: true })
  expect(parseOptions(['--quick']).out).toBe('node_modules/.cache/bench')
})
