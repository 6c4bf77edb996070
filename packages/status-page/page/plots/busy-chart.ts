import type { Format } from '../format.ts'
import type { Buckets } from './buckets.ts'
import type { Chart, PlotLine, Plotted } from './chart.ts'

export const busyChart: Chart = {
  title: 'Busy',
  unit: 'time with a job in flight, and the average',
  look: 'lines',
  scale: 'share',
  label: (value, format) => format.share(value),
}

const LOOKS: readonly { readonly colour: string; readonly dash?: readonly number[] }[] = [
  { colour: 'go-fill' },
  { colour: 'search', dash: [8, 4] },
  { colour: 'faces', dash: [2, 3] },
  { colour: 'ocr', dash: [8, 3, 2, 3] },
]

/** The busy share of the backends with the most jobs. */
export function busyPlot({ timeline, all }: Buckets, format: Format): Plotted {
  const jobs = new Map<string, number>()
  for (const bucket of all)
    for (const [name, { jobs: count, busy }] of Object.entries(bucket?.backends ?? {}))
      if (busy !== undefined) jobs.set(name, (jobs.get(name) ?? 0) + count)
  const most = [...jobs].sort(([, a], [, b]) => b - a).slice(0, LOOKS.length)
  const lines = most.map(([name], i): PlotLine => {
    const values = all.map((bucket) => (bucket === undefined ? 0 : (bucket.backends[name]?.busy ?? 0)))
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
    return {
      key: name,
      name,
      colour: LOOKS[i]?.colour ?? 'soft',
      dash: LOOKS[i]?.dash,
      values,
      at: (bucket) => format.share(values[bucket] ?? 0),
      sum: format.share(mean),
    }
  })
  const said = lines.map(({ name, sum }) => `${name} ${sum}`).join(', ')
  const summary =
    said === ''
      ? `No backend was busy in the last ${timeline.name}.`
      : `Mean busy share of the last ${timeline.name}: ${said}.`
  return { timeline, lines, format, summary }
}
