import type { JobKind, LatencyView } from '../src/wire.ts'
import { svg } from './dom.ts'
import type { Model } from './model.ts'
import type { Chart, LegendRow } from './plot.ts'
import { logarithmic } from './scale.ts'
import { KINDS } from './words.ts'

const ALL: readonly JobKind[] = ['search', 'indexing', 'faces', 'ocr', 'other']

/** Median and 95th percentile of the latency, waiting included. */
export const latency: Chart = {
  title: 'Latency',
  unit: 'median and 95th percentile',

  draw(group, model, { left, right, top, bottom }) {
    const series = ALL.map((kind) => [kind, latenciesOf(model, kind)] as const)
    const values = series.flatMap(([, spans]) =>
      spans.flatMap((span) => (span === undefined ? [] : [span.p50, span.p95])),
    )
    const scale =
      values.length === 0
        ? logarithmic(1, 1000, bottom, top)
        : logarithmic(Math.min(...values), Math.max(...values), bottom, top)
    for (const [kind, spans] of series) {
      const pitch = (right - left) / spans.length
      const x = (i: number) => left + (i + 0.5) * pitch
      for (const run of runsOf(spans)) {
        const line = (of: 'p50' | 'p95') =>
          run.map(([i, span]) => `${x(i).toFixed(1)} ${scale.at(span[of]).toFixed(1)}`)
        const [low, high] = [line('p50'), line('p95')]
        if (run.length === 1) {
          const [[i, { p50, p95 }]] = run
          group.append(
            svg('path', { class: `reach ${kind}`, d: `M${x(i)} ${scale.at(p95)}V${scale.at(p50)}` }),
            svg('circle', { class: `dot ${kind}`, cx: String(x(i)), cy: String(scale.at(p50)), r: '2.25' }),
          )
          continue
        }
        group.append(
          svg('path', { class: `band ${kind}`, d: `M${low.join('L')}L${high.reverse().join('L')}z` }),
          svg('path', { class: `line ${kind}`, d: `M${low.join('L')}` }),
        )
      }
    }
    return scale
  },

  label: (value, { format }) => (value < 1000 ? format.duration(value) : `${format.count(value / 1000)} s`),

  legend(model, span) {
    return ALL.map((kind): LegendRow => {
      const latency =
        span === undefined ? model.report.windows.quarter.latencies[kind] : latenciesOf(model, kind)[span]
      return { mark: `line ${kind}`, name: KINDS[kind], value: inWords(latency, model) }
    })
  },

  summary(model) {
    const { latencies } = model.report.windows.quarter
    const parts = ALL.filter((kind) => latencies[kind] !== undefined).map(
      (kind) => `${KINDS[kind]} ${inWords(latencies[kind], model)}`,
    )
    return parts.length === 0
      ? 'No answers in the last 15 minutes.'
      : `In the last 15 minutes: ${parts.join('; ')}.`
  },
}

function inWords(latency: LatencyView | undefined, { format }: Model): string {
  return latency === undefined ? '–' : `${format.duration(latency.p50)} and ${format.duration(latency.p95)}`
}

function latenciesOf({ store, now }: Model, kind: JobKind): (LatencyView | undefined)[] {
  return store.spansUntil(now).map((span) => span?.latencies[kind])
}

type Point = readonly [index: number, span: LatencyView]

/** Runs of spans. A gap of one span does not end a run. */
function runsOf(spans: readonly (LatencyView | undefined)[]): (readonly [Point, ...Point[]])[] {
  const runs: [Point, ...Point[]][] = []
  for (const [i, span] of spans.entries()) {
    if (span === undefined) continue
    const run = runs.at(-1)
    const [last] = run?.at(-1) ?? []
    if (run !== undefined && last !== undefined && i - last <= 2) run.push([i, span])
    else runs.push([[i, span]])
  }
  return runs
}
