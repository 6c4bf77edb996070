import { parseArgs } from 'node:util'
import { chosen, number, wholeNumbers } from '../lib/arguments.ts'
import { asSaving, SAVING_ARGUMENTS, type Saving } from '../lib/command.ts'
import { CONTENDERS, type Contender } from './contenders.ts'
import { POOLS, type Pool } from './pools.ts'
import type { Settings } from './results.ts'

export interface Options extends Saving {
  readonly pools: readonly Pool[]
  readonly contenders: readonly Contender[]
  readonly settings: Settings
  /** How often the import of 200 images is measured. */
  readonly imports: number
}

export const USAGE = `usage: npm run bench:pool -- [options]
  --quick             the main contenders, 16 in flight: some two minutes
  --pool NAMES        ${POOLS.map(({ name }) => name).join(', ')}
  --strategy NAMES    contenders whose names begin so, such as urls,nginx,peak-ewma
  --in-flight NUMBERS 8,16,64
  --seconds NUMBER    how long each import goes on; half as long again on a pool that changes
  --idle NUMBER       how many seconds of searches come before it
  --imports NUMBER    how often the import of 200 images is measured
  --seed TEXT         other draws
  --out DIRECTORY     where pool.json and the plots go; node_modules/.cache/bench when not given
  --save              they go to docs/benchmarks, and the tables into docs/benchmarks.md
  --redraw            nothing is measured: tables and plots are made from pool.json`

const QUICK = ['urls', 'nginx', 'immich', 'peak-ewma']

/** @throws {Error} that says what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      pool: { type: 'string' },
      strategy: { type: 'string' },
      'in-flight': { type: 'string' },
      seconds: { type: 'string' },
      idle: { type: 'string' },
      imports: { type: 'string' },
      seed: { type: 'string', default: '1' },
      ...SAVING_ARGUMENTS,
    },
  })
  const { quick, pool, strategy } = values
  const names = strategy?.split(',') ?? (quick ? QUICK : [''])
  return {
    pools: chosen(POOLS, pool?.split(',') ?? ['']),
    contenders: chosen(CONTENDERS, names),
    settings: {
      seed: values.seed,
      seconds: number('seconds', values.seconds ?? (quick ? '8' : '20')),
      idleSeconds: number('idle', values.idle ?? (quick ? '3' : '4')),
      inFlight: wholeNumbers('in-flight', values['in-flight'] ?? (quick ? '16' : '8,16,64')),
    },
    imports: number('imports', values.imports ?? (quick ? '1' : '2')),
    ...asSaving(values),
  }
}
