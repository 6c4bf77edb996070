import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine, type Machine, machineLine, versionsOf } from './machine.ts'
import type { PlotFile } from './plot.ts'
import { asPage, asSection, asTerminal, type Report, replaceSection } from './report.ts'

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url))
/** Has a section for each bench. */
export const DOCUMENT = join(DOCS, 'benchmarks.md')
/** The results, plots and detail tables that the document shows or links. */
export const SAVED = join(DOCS, 'benchmarks')

/** An option that takes a value. */
export interface Option<T> {
  readonly takes: string
  readonly help: string
  readonly usual: string
  /** The default of a quick run, where it differs. */
  readonly quick?: string | undefined
  /** @throws {Error} if the text is invalid, with the reason. */
  read(text: string): T
}

export type Options = Readonly<Record<string, Option<unknown>>>
export type Values<O extends Options> = { readonly [Name in keyof O]: ReturnType<O[Name]['read']> } & {
  readonly quick: boolean
}

/** Prints the current measurement. */
export type Say = (what: string) => void

/** One benchmark. Tables and plots depend on the results only, so they can be redrawn. */
export interface Bench<O extends Options, R> {
  /** Of the section in the document, the JSON file and the page of details. */
  readonly name: string
  /** Of the page of details. */
  readonly title: string
  readonly command: string
  readonly quick: string
  readonly options: O
  measure(options: Values<O>, say: Say): Promise<R>
  report(results: R): Report
  plots(results: R): readonly (PlotFile | undefined)[]
  /** Versions of the programs that take part. */
  versions?(): Readonly<Record<string, string | undefined>>
  /** Whether the process exits with an error. */
  failed?(results: R): boolean
}

function option<T>(takes: string, read: (text: string) => T) {
  return (help: string, usual: string, quick?: string): Option<T> => ({ takes, help, usual, quick, read })
}

export const word = option('TEXT', (text) => text)
export const number = option('NUMBER', toNumber)
export const wholeNumbers = option('NUMBERS', (text) =>
  text.split(',').map((each) => {
    const whole = toNumber(each)
    if (!Number.isInteger(whole) || whole < 1) throw new Error(`takes whole numbers above 0, not "${each}"`)
    return whole
  }),
)

/** Selects entries by the beginnings of their names and keeps their order. */
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
  return option('NAMES', read)(help, '', quick)
}

function toNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value
  throw new Error(`takes a number, not "${text}"`)
}

const SAVING = {
  quick: { type: 'boolean', default: false },
  out: { type: 'string', default: 'node_modules/.cache/bench' },
  save: { type: 'boolean', default: false },
  redraw: { type: 'boolean', default: false },
} as const

type Saving = { readonly out: string; readonly save: boolean; readonly redraw: boolean }

/** @throws {Error} if an argument is invalid, with the reason. */
export function parse<O extends Options>(options: O, args: readonly string[]): Values<O> & Saving {
  const texts = Object.fromEntries(Object.keys(options).map((name) => [name, { type: 'string' } as const]))
  const { values } = parseArgs({ args: [...args], options: { ...texts, ...SAVING } })
  const given: Readonly<Record<string, unknown>> = values
  const read = Object.entries(options).map(([name, { usual, quick, read }]) => {
    try {
      return [name, read(String(given[name] ?? (values.quick ? quick : undefined) ?? usual))]
    } catch (error) {
      throw new Error(`--${name}: ${error instanceof Error ? error.message : error}`)
    }
  })
  // Each value is what the option of this name has read.
  return { ...values, ...Object.fromEntries(read) } as Values<O> & Saving
}

/** The options of the command line. Ends the process after `--help` and wrong arguments. */
export function readOptions<O extends Options>({
  command,
  quick,
  options,
}: Pick<Bench<O, never>, 'command' | 'quick' | 'options'>): Values<O> & Saving {
  const own = Object.entries(options).map(([name, { takes, help, usual }]) => [
    `${name} ${takes}`,
    usual === '' ? help : `${help}; default ${usual}`,
  ])
  const rows = [
    ['quick', quick],
    ...own,
    ['out DIRECTORY', `for the JSON and the plots; default ${SAVING.out.default}`],
    ['save', 'write them and the tables to docs/benchmarks and docs/benchmarks.md'],
    ['redraw', 'measure nothing; make tables and plots from the JSON'],
  ]
  const lines = rows.map(([name = '', help]) => `  --${name.padEnd(20)} ${help}`)
  const usage = `usage: npm run ${command} -- [options]\n${lines.join('\n')}`
  const args = process.argv.slice(3)
  if (args.includes('--help')) {
    console.log(usage)
    process.exit()
  }
  try {
    return parse(options, args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(2)
  }
}

/** Measures or rereads, then saves and prints. */
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
  // Read back, so a later --redraw gives the same.
  const results: R & { machine: Machine } = JSON.parse(readFileSync(file, 'utf8'))
  const { report, plots, section, page } = present(bench, results)
  for (const { name, svg } of plots) writeFileSync(join(directory, name), svg)
  if (options.save) {
    writeFileSync(join(SAVED, pageOf(bench.name)), page)
    writeFileSync(DOCUMENT, replaceSection(readFileSync(DOCUMENT, 'utf8'), bench.name, section))
  }
  console.log(`${asTerminal(report)}\n\nJSON and plots are in ${relative(process.cwd(), directory) || '.'}.`)
  if (bench.failed?.(results)) process.exitCode = 1
}

/** The file name of the page of details. */
export function pageOf(name: string): string {
  return `${name}.md`
}

export function present<O extends Options, R>(bench: Bench<O, R>, results: R & { machine: Machine }) {
  const { lines, ...parts } = bench.report(results)
  const short = { ...parts, lines: [machineLine(results.machine), ...lines] }
  const report = { ...short, lines: [...short.lines, ...versionsOf(results.machine)] }
  const plots = bench.plots(results).filter((plot) => plot !== undefined)
  return {
    report,
    plots,
    section: asSection(short, plots, pageOf(bench.name)),
    page: asPage(bench.title, report),
  }
}

/** JSON with one line per list entry, for readable diffs. */
export function toJson(results: object): string {
  // Further digits are noise.
  const rounded = (_: string, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value
  const lines = Object.entries(results).map(([name, value]) => {
    const entries = Array.isArray(value) ? value.map((entry) => `    ${JSON.stringify(entry, rounded)}`) : []
    const text = entries.length > 0 ? `[\n${entries.join(',\n')}\n  ]` : JSON.stringify(value, rounded)
    return `  ${JSON.stringify(name)}: ${text}`
  })
  return `{\n${lines.join(',\n')}\n}\n`
}

/** Overwrites one line in a terminal; prints a line each elsewhere. */
function say(what: string): void {
  const { isTTY, columns } = process.stderr
  const line = `${Math.round(process.uptime())} s: ${what}`
  process.stderr.write(isTTY ? `\r\u001b[K${line.slice(0, columns - 1)}` : `${line}\n`)
}
