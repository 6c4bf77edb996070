import { expect, it } from 'vitest'
import {
  asMarkdown,
  asPage,
  asSection,
  asText,
  measuredPart,
  readSection,
  replaceSection,
  targetsPart,
} from './report.ts'

const table = {
  head: ['contender', 'share', 'p95'],
  rows: [
    ['nginx', '0.81', '120 ms'],
    ['a longer name', '1', ''],
  ],
  words: 1,
}

it('a table as text has figures to the right', () => {
  expect(asText(table)).toBe(
    [
      'contender      share     p95',
      '-------------  -----  ------',
      'nginx           0.81  120 ms',
      'a longer name      1',
    ].join('\n'),
  )
})

it('a table as Markdown', () => {
  expect(asMarkdown(table)).toBe(
    [
      '| contender | share | p95 |',
      '|---|--:|--:|',
      '| nginx | 0.81 | 120 ms |',
      '| a longer name | 1 |  |',
    ].join('\n'),
  )
})

const text = 'head\n\n<!-- pool -->\nold\n<!-- /pool -->\n\ntail $&\n'

it('a section is replaced, however often, and nothing else', () => {
  const once = replaceSection(text, 'pool', 'new $& table\n')
  expect(once).toBe('head\n\n<!-- pool -->\nnew $& table\n<!-- /pool -->\n\ntail $&\n')
  expect(replaceSection(once, 'pool', 'old')).toBe(text)
  expect(readSection(once, 'pool')).toBe('new $& table')
})

it('a section that is not there is a mistake', () => {
  expect(() => replaceSection(text, 'cost', '')).toThrow('<!-- cost --> … <!-- /cost -->')
})

const targets = [
  { what: 'share at least 0.95', of: 'Three', figure: '0.97', met: true },
  { what: 'share at least 0.95', of: 'Eight', figure: '0.94', met: false },
  { what: 'no failed requests', of: 'all pools', figure: '0', met: true },
]

it('targets have one row each, with where they are not met', () => {
  expect(targetsPart(targets).rows).toEqual([
    ['share at least 0.95', 'no: Eight'],
    ['no failed requests', 'yes'],
  ])
  expect(measuredPart(targets).rows[0]).toEqual(['share at least 0.95', 'Three 0.97; Eight 0.94'])
})

it('the document shows the summary and the plots, and links the details', () => {
  const [summary, details] = [
    { title: 'Main', ...table },
    { title: 'All', ...table },
  ]
  const report = { lines: ['today', '5 rounds'], summary: [summary], details: [details] }
  const section = asSection(report, [{ name: 'a.svg', title: 'Speed', svg: '' }], 'pool.md')
  expect(section).toContain(
    'Measured today; 5 rounds. [All tables](benchmarks/pool.md)\n\n### Main\n\n| contender',
  )
  expect(section).toMatch(/!\[Speed\]\(benchmarks\/a\.svg\)$/)
  expect(section).not.toContain('### All')
  expect(asPage('Pools', report)).toMatch(/^# Pools: all tables\n.*\n## All\n\n\| contender/s)
})
