import { endOnSignals } from '../lib/child.ts'
import { present, readOptions } from '../lib/command.ts'
import { INSTALL } from '../lib/program.ts'
import { type Options, parseOptions, USAGE } from './options.ts'
import { COST } from './presentation.ts'
import { allFailures, type Results } from './results.ts'
import { run } from './run.ts'
import { findTools, lackOf, obstacle } from './tools.ts'

endOnSignals()
const options = readOptions(USAGE, parseOptions)
const results = await present(COST, options, () => measure(options))
if (Object.keys(allFailures(results)).length > 0) process.exitCode = 1

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
