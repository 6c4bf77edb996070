import { asMarkdown, asText, type Table } from './table.ts'

/** A table of a report, with its heading. */
export interface Part {
  readonly title: string
  readonly table: Table
}

export interface PlotFile {
  readonly name: string
  readonly title: string
  readonly svg: string
}

/** What a run says: first what is asked most, then all of it. */
export interface Report {
  /** Where and how it was measured; what matters is a line of its own. */
  readonly lines: readonly string[]
  readonly summary: readonly Part[]
  readonly details: readonly Part[]
}

/** For the terminal. */
export function asTerminal({ lines, summary, details }: Report): string {
  const written = present([...summary, ...details]).map(({ title, table }) => `${title}\n\n${asText(table)}`)
  return [lines.join('\n'), ...written].join('\n\n')
}

/** For a document; the plots stand between the summary and the details. */
export function asDocument({ lines, summary, details }: Report, plots: readonly PlotFile[]): string {
  const written = ({ title, table }: Part) => `### ${title}\n\n${asMarkdown(table)}`
  return [
    `${lines.join('; ')}.`,
    ...present(summary).map(written),
    ...plots.map(({ name, title }) => `![${title}](benchmarks/${name})`),
    ...present(details).map(written),
  ].join('\n\n')
}

/** Of what was not measured there is no table. */
function present(parts: readonly Part[]): Part[] {
  return parts.filter(({ table }) => table.rows.length > 0)
}
