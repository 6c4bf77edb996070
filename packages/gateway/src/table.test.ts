import { expect, it } from 'vitest'
import { table } from './table.ts'
import { printable } from './text.ts'

const plain = (_: unknown, text: string) => text

it('aligns columns by the width of their text, and leaves out empty columns', () => {
  const rows = [
    ['gpu', '', { text: '12 ms', style: 'red' }, 'a'],
    ['日本', '', '1 ms', 'b'],
  ] as const
  expect(table(['name', 'none', 'time', 'x'], rows, plain)).toEqual([
    'name  time   x',
    'gpu   12 ms  a',
    '日本  1 ms   b',
  ])
  const painted = table(
    ['name', 'time'],
    [[{ text: 'gpu', style: 'red' }, 'x']],
    (style, text) => `<${style}>${text}<>`,
  )
  expect(painted).toEqual(['<dim>name<>  <dim>time<>', '<red>gpu<>   x'])
})

it('lets no text control the terminal', () => {
  expect(printable('a\u001b[31mb\u001b]0;title\u0007\r\nc\u202e')).toBe('ab c ')
})
