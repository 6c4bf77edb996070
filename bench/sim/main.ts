import { parseArgs } from 'node:util'
import { writeSection } from '../lib/document.ts'
import { asMarkdown, asText, type Table } from '../lib/table.ts'
import { measureFairness } from './fairness.ts'
import { measurePools } from './pools.ts'
import { measureScale } from './scale.ts'

const USAGE = `usage: npm run bench:sim -- [options]
  --requests NUMBER  how many are simulated on ten backends, and a tenth for ten times as many; 1000000 when not given
  --seed TEXT        other draws
  --save             the tables go into docs/benchmarks.md`

const DOCUMENT = 'docs/benchmarks.md'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const requests = Number(values.requests)
if (values.help || !Number.isInteger(requests) || requests < 1) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}

const tables: readonly (readonly [title: string, make: () => Promise<Table>])[] = [
  ['Pools of unequal servers', () => measurePools(values.seed)],
  ['One decision', () => measureScale(requests, values.seed)],
  ['Clients', () => measureFairness(values.seed)],
]
const made: [title: string, table: Table][] = []
for (const [title, make] of tables) {
  const table = await make()
  made.push([title, table])
  console.log(`\n${title}\n\n${asText(table)}`)
}
if (values.save)
  writeSection(
    DOCUMENT,
    'sim',
    made.map(([title, table]) => `**${title}**\n\n${asMarkdown(table)}`).join('\n\n'),
  )
