import type { PlotFile } from './plot.ts'

/** A table with a title: columns of text, then columns of figures. */
export interface Part {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** How many columns are text. */
  readonly words: number
}

/** What a run says. In a document, the plots stand between the summary and the details. */
export interface Report {
  readonly lines: readonly string[]
  readonly summary: readonly Part[]
  readonly details: readonly Part[]
}

/** A goal, and what was reached. */
export interface Target {
  readonly what: string
  readonly of: string
  readonly figure: string
  readonly met: boolean
}

export type Column<T> = readonly [head: string, write: (row: T) => string | number]

/** @param words How many columns are text. */
export function table<T>(title: string, rows: readonly T[], columns: readonly Column<T>[], words = 1): Part {
  const written = rows.map((row) => columns.map(([, write]) => String(write(row))))
  return { title, head: columns.map(([head]) => head), rows: written, words }
}

/** @param of Head of the column that says what is held against the target. */
export function targetsPart(title: string, of: string, targets: readonly Target[]): Part {
  const columns: Column<Target>[] = [
    ['target', ({ what }) => what],
    [of, (target) => target.of],
    ['figure', ({ figure }) => figure],
    ['', ({ met }) => (met ? 'met' : 'not met')],
  ]
  return table(title, targets, columns, 4)
}

/** For a terminal: columns of one width, figures to the right. */
export function asText({ head, rows, words }: Omit<Part, 'title'>): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    widths
      .map((width, i) => (i < words ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width)))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

export function asMarkdown({ head, rows, words }: Omit<Part, 'title'>): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    `|${head.map((_, i) => (i < words ? '---|' : '--:|')).join('')}`,
    ...rows.map(line),
  ].join('\n')
}

export function asTerminal({ lines, summary, details }: Report): string {
  const tables = present([...summary, ...details]).map((part) => `${part.title}\n\n${asText(part)}`)
  return [lines.join('\n'), ...tables].join('\n\n')
}

export function asDocument({ lines, summary, details }: Report, plots: readonly PlotFile[]): string {
  const written = (parts: readonly Part[]) =>
    present(parts).map((part) => `### ${part.title}\n\n${asMarkdown(part)}`)
  const images = plots.map(({ name, title }) => `![${title}](benchmarks/${name})`)
  return [`${lines.join('; ')}.`, ...written(summary), ...images, ...written(details)].join('\n\n')
}

/** The part of a document between `<!-- name -->` and `<!-- /name -->`. */
export function readSection(text: string, name: string): string {
  return split(text, name)[1]
}

export function replaceSection(text: string, name: string, content: string): string {
  const [before, , behind] = split(text, name)
  return `${before}\n${content.trim()}\n${behind}`
}

function split(text: string, name: string): [before: string, section: string, behind: string] {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`the document has no ${begin} … ${end}`)
  const inside = from + begin.length
  return [text.slice(0, inside), text.slice(inside, to).trim(), text.slice(to)]
}

/** What was not measured has no table. */
function present(parts: readonly Part[]): Part[] {
  return parts.filter(({ rows }) => rows.length > 0)
}
