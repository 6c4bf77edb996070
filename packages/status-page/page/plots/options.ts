import uPlot from 'uplot'
import type { Format } from '../format.ts'
import { powersOfTen, roundTimes } from './axes.ts'
import type { Chart, PlotLine, PlotMark, Plotted } from './chart.ts'
import type { Colours } from './colours.ts'
import { drawMarks, lonely, MARK, withoutShortGaps } from './drawing.ts'

const HEIGHT = 150
/** Room for a label of the time axis, in pixels. */
const LABEL = 64
/** Share of the height that the smallest layer of a bar gets: one failure among thousands must be visible. */
const LEAST_LAYER = 0.012

/** What a plot needs to know when it draws. */
export interface Pen {
  readonly chart: Chart
  readonly colours: Colours
  readonly format: () => Format
  readonly marks: () => readonly PlotMark[]
  readonly onCursor: (bucket: number | undefined) => void
  /** Plots with the same key share the cursor. */
  readonly sync: string
}

/** The options of a plot with these lines. */
export function optionsFor(pen: Pen, lines: readonly PlotLine[], width: number): uPlot.Options {
  const { chart } = pen
  const layers = chart.look === 'bars' ? lines.toReversed() : lines
  return {
    width,
    height: HEIGHT,
    padding: [MARK + 3, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: { key: pen.sync } },
    scales: { x: { time: false, range: rangeOfTimes }, y: scaleOf(chart) },
    axes: axesOf(pen),
    series: [{}, ...layers.flatMap((line) => seriesOf(line, pen))],
    bands: bandsOf(lines, pen.colours),
    hooks: {
      draw: [(plot) => drawMarks(plot, pen.marks(), pen.colours)],
      setCursor: [({ cursor }) => pen.onCursor(cursor.idx ?? undefined)],
    },
  }
}

/** The values in the order of the series: times in seconds, then each line, below it its lower edge. */
export function dataOf(chart: Chart, { timeline, lines }: Plotted): uPlot.AlignedData {
  const times = timeline.starts.map((start) => (start + timeline.step / 2) / 1000)
  if (chart.look === 'bars') return [times, ...stacked(lines)]
  return [
    times,
    ...lines.flatMap(({ values, low }) => (low === undefined ? [values] : [values, low]).map(copy)),
  ]
}

function copy(values: readonly (number | null)[]): (number | null)[] {
  return [...values]
}

/** Each layer reaches from zero to its upper edge, the last one first, so that the layers below cover it. */
function stacked(lines: readonly PlotLine[]): (number | null)[][] {
  const count = lines[0]?.values.length ?? 0
  const totals = Array.from({ length: count }, (_, i) =>
    lines.reduce((sum, { values }) => sum + (values[i] ?? 0), 0),
  )
  const least = LEAST_LAYER * Math.max(0, ...totals)
  const below: number[] = totals.map(() => 0)
  return lines
    .map(({ values }) =>
      values.map((value, i) => {
        if (value === null || value === 0) return null
        below[i] = (below[i] ?? 0) + Math.max(value, least)
        return below[i]
      }),
    )
    .reverse()
}

/** From the start of the first bucket to the end of the last one. */
function rangeOfTimes({ data: [times] }: uPlot): uPlot.Range.MinMax {
  const [first = 0, second = first + 1] = times
  const half = (second - first) / 2
  return [first - half, (times.at(-1) ?? 0) + half]
}

function scaleOf({ scale }: Chart): uPlot.Scale {
  if (scale === 'share') return { range: [0, 1] }
  if (scale === 'linear') return { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] }
  return {
    distr: 3,
    range(_, least, most) {
      const powers = powersOfTen(least > 0 ? least : 1, most > 0 ? most : 1000)
      return [powers[0] ?? 1, powers.at(-1) ?? 1000]
    },
  }
}

function axesOf({ chart, colours, format }: Pen): uPlot.Axis[] {
  const shared = {
    stroke: () => colours.of('soft'),
    grid: { stroke: () => colours.of('line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  const offset = new Date().getTimezoneOffset()
  return [
    {
      ...shared,
      size: 24,
      gap: 4,
      grid: { show: false },
      ticks: { stroke: () => colours.of('edge'), width: 1, size: 4 },
      splits: (plot, _, from, to) => roundTimes(from, to, Math.max(2, plot.width / LABEL), offset),
      values: (_, times) => times.map((time) => format().clock(time * 1000)),
    },
    {
      ...shared,
      size: 46,
      gap: 6,
      space: 30,
      ...(chart.scale === 'logarithmic'
        ? { splits: (_: uPlot, __: number, from: number, to: number) => powersOfTen(from, to) }
        : {}),
      ...(chart.scale === 'share' ? { splits: [0, 0.5, 1] } : {}),
      // By default, a logarithmic axis leaves labels out.
      filter: (_, splits) => splits,
      values: (_, values) => values.map((value) => chart.label(value, format())),
    },
  ]
}

function seriesOf(line: PlotLine, { chart, colours }: Pen): uPlot.Series[] {
  if (chart.look === 'bars') {
    const paths = uPlot.paths.bars?.({ size: [0.86, 40], gap: 0 })
    return [
      {
        ...(paths === undefined ? {} : { paths }),
        points: { show: false },
        width: 0,
        fill: ({ ctx }) => (line.isStriped ? colours.striped(line.colour, ctx) : colours.of(line.colour)),
      },
    ]
  }
  const stroke = () => colours.of(line.colour)
  const series = (width: number): uPlot.Series => ({
    stroke,
    width,
    dash: [...(line.dash ?? [])],
    gaps: withoutShortGaps,
    points: { size: 5, fill: stroke, filter: lonely },
  })
  return line.low === undefined ? [series(2)] : [series(2), { ...series(0), points: { show: false } }]
}

/** The bands between the lines and their lower edges. */
function bandsOf(lines: readonly PlotLine[], colours: Colours): uPlot.Band[] {
  let upper = 0
  return lines.flatMap(({ low, colour }) => {
    upper += 1
    if (low === undefined) return []
    const band: uPlot.Band = { series: [upper, upper + 1], fill: () => colours.faint(colour, 0.16) }
    upper += 1
    return [band]
  })
}
