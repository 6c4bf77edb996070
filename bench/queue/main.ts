import { endOnSignals } from '../lib/child.ts'
import { present, readOptions } from '../lib/command.ts'
import { parseOptions, USAGE } from './options.ts'
import { QUEUE } from './presentation.ts'
import { run } from './run.ts'

endOnSignals()
const options = readOptions(USAGE, parseOptions)
await present(QUEUE, options, () => run(options))
