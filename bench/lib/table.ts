/** Rows of text under a head: columns of text, then figures. */
export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /**
   * How many columns are text.
   * @default 1
   */
  readonly words?: number
}

/** For a terminal: columns of one width, figures to the right. */
export function asText({ head, rows, words = 1 }: Table): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    widths
      .map((width, i) => (i < words ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width)))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** For a document. */
export function asMarkdown({ head, rows, words = 1 }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = `|${head.map((_, i) => (i < words ? '---|' : '--:|')).join('')}`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
