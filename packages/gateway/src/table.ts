import { styleText } from 'node:util'
import stringWidth from 'fast-string-width'
import { printable } from './text.ts'

/** A style of `util.styleText`. */
export type Style = Parameters<typeof styleText>[0]

/** A cell: a text, and its style on a terminal. */
export type Cell = string | { readonly text: string; readonly style: Style }

/** Adds a style where the output is a terminal with colours. */
export type Paint = (style: Style, text: string) => string

/** Paints for a stream: plain text unless it is a terminal, and as `NO_COLOR` and `FORCE_COLOR` say. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream })
}

/** Space between two columns. */
const GAP = '  '

/**
 * A table as lines of text, in columns as wide as their widest cell.
 *
 * @param head The names of the columns; a column whose cells are all empty is left out.
 */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const used = head.flatMap((_, index) => (rows.some((row) => textOf(row[index]) !== '') ? [index] : []))
  const widths = used.map((index) =>
    Math.max(...[head[index], ...rows.map((row) => row[index])].map((cell) => stringWidth(textOf(cell)))),
  )
  const line = (cells: readonly Cell[]) =>
    used
      .map((index, place) => {
        const cell = cells[index] ?? ''
        const text = textOf(cell)
        const padding = place === used.length - 1 ? 0 : (widths[place] ?? 0) - stringWidth(text)
        return `${typeof cell === 'string' ? text : paint(cell.style, text)}${' '.repeat(padding)}`
      })
      .join(GAP)
      .trimEnd()
  return [line(head.map((text) => ({ text, style: 'dim' }))), ...rows.map(line)]
}

function textOf(cell: Cell | undefined): string {
  return printable(typeof cell === 'object' ? cell.text : (cell ?? ''))
}
