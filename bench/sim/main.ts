import { number, readOptions, word, writeSection } from '../lib/bench.ts'
import { asMarkdown, asText } from '../lib/report.ts'
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

const sections: string[] = []
for (const measure of [measurePools, () => measureScale(requests, seed), measureFairness]) {
  for (const part of [await measure(seed)].flat()) {
    console.log(`\n${part.title}\n\n${asText(part)}`)
    sections.push(`**${part.title}**\n\n${asMarkdown(part)}`)
  }
}
if (save) writeSection('sim', sections.join('\n\n'))
