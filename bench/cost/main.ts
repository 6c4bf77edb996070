import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endOnSignals } from '../lib/child.ts'
import { writeSection } from '../lib/document.ts'
import { INSTALL } from '../lib/program.ts'
import { writePlots } from '../lib/report.ts'
import { type Options, parseOptions, USAGE } from './options.ts'
import { drawPlots } from './plots.ts'
import { asReport, asSection } from './report.ts'
import { allFailures, type Results, toJson } from './results.ts'
import { run } from './run.ts'
import { findTools, lackOf, obstacle } from './tools.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENT = join(ROOT, 'docs', 'benchmarks.md')

endOnSignals()
const options = readOptions()
const directory = options.out ?? join(ROOT, 'docs', 'benchmarks')
const file = join(directory, 'cost.json')
if (!options.redraw) {
  const measured = await measure(options)
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, toJson(measured))
}
// Read back, so that it is the same as when it is redrawn.
const results: Results = JSON.parse(readFileSync(file, 'utf8'))
const plots = drawPlots(results)
writePlots(directory, plots)
if (options.out === undefined) writeSection(DOCUMENT, 'cost', asSection(results, plots))
console.log(`${asReport(results)}\n\nJSON and plots are in ${relative(process.cwd(), directory) || '.'}.`)
if (Object.keys(allFailures(results)).length > 0) process.exitCode = 1

function readOptions(): Options {
  if (process.argv.includes('--help')) {
    console.log(USAGE)
    process.exit()
  }
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    process.exit(2)
  }
}

function measure(asked: Options): Promise<Results> {
  const tools = findTools()
  const hindered = obstacle(tools, asked.parts)
  if (hindered !== undefined) {
    console.error(hindered)
    process.exit(1)
  }
  const lacking = asked.contenders.filter((contender) => lackOf(contender, tools) !== undefined)
  for (const contender of lacking)
    console.error(`${contender.label} is left out, without ${lackOf(contender, tools)}: ${INSTALL}`)
  if (asked.parts.includes('bytes') && tools.strace === undefined)
    console.error(`The bytes that are moved are left out, without strace: ${INSTALL}`)
  return run({ ...asked, contenders: asked.contenders.filter((each) => !lacking.includes(each)) }, tools)
}
