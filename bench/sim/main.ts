import { parseArgs } from 'node:util'
import { wholeNumbers } from '../lib/arguments.ts'
import { DOCUMENT, readOptions } from '../lib/command.ts'
import { writeSection } from '../lib/document.ts'
import { asMarkdown, asText, type Table } from '../lib/table.ts'
import { measureFairness } from './fairness.ts'
import { measurePools } from './pools.ts'
import { measureScale } from './scale.ts'

const USAGE = `usage: npm run bench:sim -- [options]
  --requests NUMBER  how many are simulated on ten backends, and a tenth for ten times as many; 1000000 when not given
  --seed TEXT        other draws
  --save             the tables go into docs/benchmarks.md`

const { requests, seed, save } = readOptions(USAGE, (args) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      save: { type: 'boolean', default: false },
    },
  })
  const [count = 1] = wholeNumbers('requests', values.requests)
  return { ...values, requests: count }
})

const tables: readonly (readonly [title: string, make: () => Promise<Table>])[] = [
  ['Pools of unequal servers', () => measurePools(seed)],
  ['One decision', () => measureScale(requests, seed)],
  ['Clients', () => measureFairness(seed)],
]
const made: [title: string, table: Table][] = []
for (const [title, make] of tables) {
  const table = await make()
  made.push([title, table])
  console.log(`\n${title}\n\n${asText(table)}`)
}
if (save)
  writeSection(
    DOCUMENT,
    'sim',
    made.map(([title, table]) => `**${title}**\n\n${asMarkdown(table)}`).join('\n\n'),
  )
