import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeSection } from './document.ts'
import { asDocument, asTerminal, type PlotFile, type Report } from './report.ts'

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url))
/** Has a section for each bench. */
export const DOCUMENT = join(DOCS, 'benchmarks.md')
/** What was saved for it. */
export const SAVED = join(DOCS, 'benchmarks')

/** How results of one kind are kept and shown. */
export interface Presentation<R> {
  /** Of the section in the document, and of the JSON file. */
  readonly name: string
  toJson(results: R): string
  /** Every plot that the results have something for. */
  drawPlots(results: R): PlotFile[]
  reportOf(results: R): Report
}

/** What becomes of the results of a run. */
export interface Saving {
  /** Where JSON and plots go; `undefined` for the docs. */
  readonly out: string | undefined
  /** Whether only tables and plots are made anew, from the results that are there. */
  readonly redraw: boolean
}

/** The arguments that say so, for `parseArgs`. */
export const SAVING_ARGUMENTS = {
  out: { type: 'string' },
  save: { type: 'boolean', default: false },
  redraw: { type: 'boolean', default: false },
} as const

export function asSaving(values: { out?: string | undefined; save: boolean; redraw: boolean }): Saving {
  const { out = 'node_modules/.cache/bench', save, redraw } = values
  return { out: save ? undefined : out, redraw }
}

/**
 * The options that the command line asks for. It ends the process where it asks for help, or for what there is not.
 *
 * @param parse Throws an error that says what is wrong with the arguments.
 */
export function readOptions<O>(usage: string, parse: (args: readonly string[]) => O): O {
  const args = process.argv.slice(2)
  if (args.includes('--help')) {
    console.log(usage)
    process.exit()
  }
  try {
    return parse(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(2)
  }
}

/** Measures, unless there only is to redraw; saves, and prints what there is. */
export async function present<R>(
  presentation: Presentation<R>,
  { out, redraw }: Saving,
  measure: () => Promise<R>,
): Promise<R> {
  const { name } = presentation
  const directory = out ?? SAVED
  const file = join(directory, `${name}.json`)
  if (!redraw) {
    const measured = await measure()
    mkdirSync(directory, { recursive: true })
    writeFileSync(file, presentation.toJson(measured))
  }
  // Read back, so that it is the same as when it is redrawn.
  const results: R = JSON.parse(readFileSync(file, 'utf8'))
  const plots = presentation.drawPlots(results)
  const report = presentation.reportOf(results)
  for (const { name: plot, svg } of plots) writeFileSync(join(directory, plot), svg)
  if (out === undefined) writeSection(DOCUMENT, name, asDocument(report, plots))
  console.log(`${asTerminal(report)}\n\nJSON and plots are in ${relative(process.cwd(), directory) || '.'}.`)
  return results
}
