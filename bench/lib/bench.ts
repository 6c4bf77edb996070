import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine, type Machine, machineLine } from './machine.ts'
import type { PlotFile } from './plot.ts'
import { asDocument, asTerminal, type Report, replaceSection } from './report.ts'

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url))
/** Has a section for each bench. */
export const DOCUMENT = join(DOCS, 'benchmarks.md')
/** The results and plots that the document shows. */
export const SAVED = join(DOCS, 'benchmarks')

/** An option that takes a value. */
export interface Option<T> {
  readonly takes: string
  readonly help: string
  readonly default: string
  /** The default of a quick run, where it differs. */
  readonly quick?: string | undefined
  /** @throws {Error} that says what is wrong with the text. */
  read(text: string): T
}

export type Options = Readonly<Record<string, Option<unknown>>>
export type Values<O extends Options> = { readonly [Name in keyof O]: ReturnType<O[Name]['read']> } & {
  readonly quick: boolean
}

/** Prints what is measured now. */
export type Say = (what: string) => void

/** Everything about one bench. Tables and plots are made from the results alone, so they can be redrawn. */
export interface Bench<O extends Options, R> {
  /** Of the section in the document, and of the JSON file. */
  readonly name: string
  readonly command: string
  /** What a quick run leaves out. */
  readonly quick: string
  readonly options: O
  measure(options: Values<O>, say: Say): Promise<R>
  report(results: R): Report
  plots(results: R): readonly (PlotFile | undefined)[]
  /** Versions of the programs that take part. */
  versions?(): Readonly<Record<string, string | undefined>>
  /** Whether the process must end with an error. */
  failed?(results: R): boolean
}

/** Those whose names begin with one of the texts, in their own order. */
export function names<T extends { readonly name: string }>(
  all: readonly T[],
  help = all.map(({ name }) => name).join(', '),
  quick?: string,
): Option<T[]> {
  const read = (text: string) => {
    const beginnings = text.split(',')
    const wrong = beginnings.find((beginning) => !all.some(({ name }) => name.startsWith(beginning)))
    if (wrong !== undefined)
      throw new Error(`nothing is called "${wrong}"; there are ${all.map(({ name }) => name).join('; ')}`)
    return all.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)))
  }
  return { takes: 'NAMES', help, default: '', quick, read }
}

export function number(help: string, value: string, quick?: string): Option<number> {
  return { takes: 'NUMBER', help, default: value, quick, read: toNumber }
}

export function wholeNumbers(help: string, value: string, quick?: string): Option<number[]> {
  const read = (text: string) =>
    text.split(',').map((each) => {
      const whole = toNumber(each)
      if (!Number.isInteger(whole) || whole < 1) throw new Error(`takes whole numbers above 0, not "${each}"`)
      return whole
    })
  return { takes: 'NUMBERS', help, default: value, quick, read }
}

export function word(help: string, value: string): Option<string> {
  return { takes: 'TEXT', help, default: value, read: (text) => text }
}

function toNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`takes a number, not "${text}"`)
  return value
}

/** @throws {Error} that says what is wrong with the arguments. */
export function parse<O extends Options>(options: O, args: readonly string[]): Values<O> & Saving {
  const texts = Object.fromEntries(Object.keys(options).map((name) => [name, { type: 'string' } as const]))
  const { values } = parseArgs({ args: [...args], options: { ...texts, ...SAVING } })
  const given: Readonly<Record<string, unknown>> = values
  const read = Object.entries(options).map(([name, { default: usual, quick, read }]) => {
    const text = String(given[name] ?? (values.quick ? quick : undefined) ?? usual)
    try {
      return [name, read(text)]
    } catch (error) {
      throw new Error(`--${name}: ${error instanceof Error ? error.message : error}`)
    }
  })
  // Each value is what the option of this name has read.
  return { ...values, ...Object.fromEntries(read) } as Values<O> & Saving
}

/** What happens with the results. */
interface Saving {
  readonly out: string
  readonly save: boolean
  readonly redraw: boolean
}

const SAVING = {
  quick: { type: 'boolean', default: false },
  out: { type: 'string', default: 'node_modules/.cache/bench' },
  save: { type: 'boolean', default: false },
  redraw: { type: 'boolean', default: false },
} as const

function usageOf({
  command,
  quick,
  options,
}: Pick<Bench<Options, never>, 'command' | 'quick' | 'options'>): string {
  const rows: [string, string][] = [
    ['quick', quick],
    ...Object.entries(options).map(([name, { takes, help, default: usual }]): [string, string] => [
      `${name} ${takes}`,
      usual === '' ? help : `${help}; default ${usual}`,
    ]),
    ['out DIRECTORY', `for the JSON and the plots; default ${SAVING.out.default}`],
    ['save', 'write them to docs/benchmarks, and the tables to docs/benchmarks.md'],
    ['redraw', 'measure nothing; make tables and plots from the JSON'],
  ]
  const lines = rows.map(([option, help]) => `  --${option.padEnd(20)} ${help}`)
  return `usage: npm run ${command} -- [options]\n${lines.join('\n')}`
}

/** The options of the command line. Ends the process after `--help` and wrong arguments. */
export function readOptions<O extends Options>(bench: {
  readonly command: string
  readonly quick: string
  readonly options: O
}): Values<O> & Saving {
  const args = process.argv.slice(3)
  if (args.includes('--help')) {
    console.log(usageOf(bench))
    process.exit()
  }
  try {
    return parse(bench.options, args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usageOf(bench)}`)
    process.exit(2)
  }
}

/** Measures or rereads, saves, prints. */
export async function runBench<O extends Options, R>(bench: Bench<O, R>): Promise<void> {
  const options = readOptions(bench)
  const directory = options.save ? SAVED : options.out
  const file = join(directory, `${bench.name}.json`)
  if (!options.redraw) {
    const machine = describeMachine(bench.versions?.())
    const measured = await bench.measure(options, say)
    mkdirSync(directory, { recursive: true })
    writeFileSync(file, toJson({ machine, ...measured }))
  }
  // Read back, so that it is the same as when it is redrawn.
  const results: R & { machine: Machine } = JSON.parse(readFileSync(file, 'utf8'))
  const { report, plots } = present(bench, results)
  for (const { name, svg } of plots) writeFileSync(join(directory, name), svg)
  if (options.save) writeSection(bench.name, asDocument(report, plots))
  console.log(`${asTerminal(report)}\n\nJSON and plots are in ${relative(process.cwd(), directory) || '.'}.`)
  if (bench.failed?.(results)) process.exitCode = 1
}

export function writeSection(name: string, content: string): void {
  writeFileSync(DOCUMENT, replaceSection(readFileSync(DOCUMENT, 'utf8'), name, content))
}

export function present<O extends Options, R>(
  bench: Bench<O, R>,
  results: R & { machine: Machine },
): { report: Report; plots: PlotFile[] } {
  const { lines, ...parts } = bench.report(results)
  return {
    report: { lines: [machineLine(results.machine), ...lines], ...parts },
    plots: bench.plots(results).filter((plot) => plot !== undefined),
  }
}

/** JSON with a line for each entry of a list, which is good to compare in version control. */
export function toJson(results: object): string {
  const lines = Object.entries(results).map(([name, value]) => {
    const entries = Array.isArray(value) ? value.map((entry) => `    ${JSON.stringify(entry, rounded)}`) : []
    const text = entries.length > 0 ? `[\n${entries.join(',\n')}\n  ]` : JSON.stringify(value, rounded)
    return `  ${JSON.stringify(name)}: ${text}`
  })
  return `{\n${lines.join(',\n')}\n}\n`
}

/** More digits than these say nothing. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}

const began = performance.now()

/** One line that is written over; where there is no terminal, a line each. */
function say(what: string): void {
  const line = `${Math.round((performance.now() - began) / 1000)} s: ${what}`
  process.stderr.write(
    process.stderr.isTTY ? `\r\u001b[K${line.slice(0, process.stderr.columns - 1)}` : `${line}\n`,
  )
}
