import { parseArgs } from 'node:util'
import { chosen, number, wholeNumbers } from '../lib/arguments.ts'
import { asSaving, SAVING_ARGUMENTS, type Saving } from '../lib/command.ts'
import { CONTENDERS, type Contender } from './contenders.ts'
import { JOBS } from './jobs.ts'
import type { Settings } from './results.ts'

/** What can be measured, in this order. */
export const PARTS = [
  'rounds',
  'first-byte',
  'classification',
  'bytes',
  'memory',
  'growth',
  'million',
] as const
export type PartName = (typeof PARTS)[number]

export interface Options extends Saving {
  readonly parts: readonly PartName[]
  readonly contenders: readonly Contender[]
  readonly jobs: typeof JOBS
  readonly settings: Settings
}

export const USAGE = `usage: npm run bench -- [options]
  --quick               the ratios of the targets, in less than a minute; all of it takes a quarter of an hour
  --rounds NUMBER       how often each figure is measured, 5
  --seconds NUMBER      how long wrk runs for each, 1
  --only NAMES          contenders whose names begin so: ${CONTENDERS.map(({ name }) => name).join(', ')}
  --jobs NAMES          ${JOBS.map(({ name }) => name).join(', ')}
  --connections NUMBERS 1,16,64; what is not the targets' is measured with 16 alone
  --parts NAMES         ${PARTS.slice(0, 4).join(', ')} (that system calls move),
                        ${PARTS.slice(4).join(', ')} (memory of uploads; after 100,000 requests; after 1,000,000)
  --out DIRECTORY       where cost.json and the plots go; node_modules/.cache/bench when not given
  --save                they go to docs/benchmarks, and the tables into docs/benchmarks.md
  --redraw              nothing is measured: tables and plots are made from cost.json`

/** @throws {Error} that says what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      jobs: { type: 'string' },
      connections: { type: 'string' },
      parts: { type: 'string' },
      ...SAVING_ARGUMENTS,
    },
  })
  const { quick } = values
  const rounds = wholeNumbers('rounds', values.rounds ?? (quick ? '3' : '5'))[0] ?? 1
  const named = PARTS.map((name) => ({ name }))
  return {
    parts: chosen(named, values.parts?.split(',') ?? (quick ? QUICK_PARTS : [''])).map(({ name }) => name),
    contenders: chosen(CONTENDERS, values.only?.split(',') ?? ['']),
    jobs: chosen(JOBS, values.jobs?.split(',') ?? ['']),
    settings: {
      quick,
      rounds,
      seconds: number('seconds', values.seconds ?? (quick ? '0.7' : '1')),
      connections: wholeNumbers('connections', values.connections ?? '1,16,64'),
    },
    ...asSaving(values),
  }
}

const QUICK_PARTS = ['rounds', 'first-byte', 'classification', 'memory']
