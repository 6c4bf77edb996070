import { expect, it } from 'vitest'
import { asMarkdown, asText } from './table.ts'

const table = {
  head: ['contender', 'share', 'p95'],
  rows: [
    ['nginx', '0.81', '120 ms'],
    ['a longer name', '1', ''],
  ],
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
