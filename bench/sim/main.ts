import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { number, pageOf, readOptions, SAVED, word } from '../lib/bench.ts'
import { asPage, asText, type Part } from '../lib/report.ts'
import { measureFairness, measurePools } from './pools.ts'
import { measureScale } from './scale.ts'

const { requests, seed, save } = readOptions({
  command: 'bench:sim',
  quick: 'no effect',
  options: {
    requests: number('simulated on 10 backends; a tenth on 100', '1000000'),
    seed: word('other draws', '1'),
  },
})

const parts: Part[] = []
for (const measure of [measurePools, () => measureScale(requests, seed), measureFairness]) {
  for (const part of [await measure(seed)].flat()) {
    console.log(`\n${part.title}\n\n${asText(part)}`)
    parts.push(part)
  }
}
if (save) {
  const report = { lines: [], summary: [], details: parts }
  writeFileSync(join(SAVED, pageOf('sim')), asPage('The simulator', report))
}
