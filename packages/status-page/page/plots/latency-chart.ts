import type { JobKind } from '../../src/wire.ts'
import type { Format } from '../format.ts'
import { JOB_KINDS, SHORT_KINDS } from '../words.ts'
import type { Bucket, Buckets } from './buckets.ts'
import type { Chart, PlotLine, Plotted } from './chart.ts'

export const latencyChart: Chart = {
  title: 'Latency',
  unit: '95th percentile with waiting, and the latest',
  look: 'lines',
  scale: 'logarithmic',
  label: (value, format) => (value < 1000 ? format.duration(value) : `${format.count(value / 1000)} s`),
}

const DASHES: Readonly<Record<JobKind, readonly number[] | undefined>> = {
  search: undefined,
  indexing: [8, 4],
  faces: [2, 3],
  ocr: [8, 3, 2, 3],
  other: [4, 2],
}

/** The latency of each kind of job: a line at the 95th percentile, and a band down to the median where it is known. */
export function latencyPlot({ timeline, all }: Buckets, format: Format): Plotted {
  const kinds = JOB_KINDS.filter((kind) => all.some((bucket) => bucket?.latencies[kind]))
  const lines = kinds.map((kind): PlotLine => {
    const values = all.map((bucket) => bucket?.latencies[kind]?.p95 ?? null)
    const low = all.map((bucket) => bucket?.latencies[kind]?.p50 ?? null)
    const last = [...all].reverse().find((bucket) => bucket?.latencies[kind] !== undefined)
    return {
      key: kind,
      name: SHORT_KINDS[kind],
      colour: kind,
      dash: DASHES[kind],
      values,
      low: low.every((value) => value === null) ? undefined : low,
      at: (bucket) => inWords(all[bucket]?.latencies[kind], format),
      sum: inWords(last?.latencies[kind], format),
    }
  })
  const said = lines.map(({ name, sum }) => `${name} ${sum}`).join('; ')
  const summary =
    said === ''
      ? `No answers in the last ${timeline.name}.`
      : `95th percentile of the latest answers in the last ${timeline.name}: ${said}.`
  return { timeline, lines, format, summary }
}

function inWords(latency: Bucket['latencies'][JobKind], format: Format): string {
  return latency === undefined ? '–' : format.duration(latency.p95)
}
