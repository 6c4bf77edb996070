import type { Fate } from '../../src/wire.ts'
import type { Format } from '../format.ts'
import { FATES } from '../words.ts'
import type { Buckets } from './buckets.ts'
import type { Chart, PlotLine, Plotted } from './chart.ts'

export const jobsChart: Chart = {
  title: 'Jobs',
  unit: 'per second, and in total',
  look: 'bars',
  scale: 'linear',
  label: (value, format) => format.rate(value),
}

/** From bottom to top, with colours. */
const STACK: readonly (readonly [Fate, colour: string, isStriped: boolean])[] = [
  ['answered', 'go-fill', false],
  ['rescued', 'wait-fill', false],
  ['job-failed', 'wait-fill', true],
  ['left', 'off-fill', false],
  ['refused', 'stop-fill', true],
  ['failed', 'stop-fill', false],
]

/** Jobs per second, by outcome. Outcomes that do not occur are left out. */
export function jobsPlot({ timeline, all, lengthOf }: Buckets, format: Format): Plotted {
  const lines = STACK.flatMap(([fate, colour, isStriped]): PlotLine[] => {
    const counts = all.map((bucket) => bucket?.fates[fate] ?? 0)
    const sum = counts.reduce((total, count) => total + count, 0)
    if (sum === 0 && fate !== 'answered') return []
    const values = counts.map((count, i) => (count * 1000) / lengthOf(i))
    return [
      {
        key: fate,
        name: FATES[fate].label,
        colour,
        isStriped,
        values,
        at: (bucket) => `${format.rate(values[bucket] ?? 0)}/s`,
        sum: format.count(sum),
      },
    ]
  })
  const said = lines.map(({ name, sum }) => `${name.toLowerCase()} ${sum}`).join(', ')
  const isEmpty = all.every((bucket) => bucket === undefined)
  const summary = isEmpty
    ? `No jobs in the last ${timeline.name}.`
    : `Jobs of the last ${timeline.name}: ${said}.`
  return { timeline, lines, format, summary }
}
