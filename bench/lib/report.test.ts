import { expect, it } from 'vitest'
import { asMarkdown, asText, readSection, replaceSection } from './report.ts'

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
