import { parseArgs } from 'node:util'
import { FAULT_ROWS, type FaultRow } from '../../test/support/fault-rows.ts'
import { chosen, number } from '../lib/arguments.ts'
import { asSaving, SAVING_ARGUMENTS, type Saving } from '../lib/command.ts'
import { CONTENDERS, type Contender } from './contenders.ts'
import { FULL } from './timeline.ts'

export interface Options extends Saving {
  readonly rows: readonly FaultRow[]
  readonly contenders: readonly Contender[]
  /** Seconds of each row. */
  readonly seconds: number
}

export const USAGE = `usage: npm run bench:queue -- [options]
  --quick             5 s a row
  --rows NAMES        ${FAULT_ROWS.map(({ name }) => name).join(', ')}
  --contenders NAMES  ${CONTENDERS.map(({ name }) => name).join(', ')}
  --seconds NUMBER    seconds of each row; default ${FULL}; shorter rows have shorter faults
  --out DIRECTORY     where queue.json and the plot go; default node_modules/.cache/bench
  --save              write them to docs/benchmarks, and the tables to docs/benchmarks.md
  --redraw            measure nothing; make tables and plot from queue.json`

/** @throws {Error} that says what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string' },
      contenders: { type: 'string' },
      seconds: { type: 'string' },
      ...SAVING_ARGUMENTS,
    },
  })
  return {
    rows: chosen(FAULT_ROWS, values.rows?.split(',') ?? ['']),
    contenders: chosen(CONTENDERS, values.contenders?.split(',') ?? ['']),
    seconds: number('seconds', values.seconds ?? (values.quick ? '5' : String(FULL))),
    ...asSaving(values),
  }
}
