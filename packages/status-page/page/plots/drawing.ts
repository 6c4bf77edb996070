import type uPlot from 'uplot'
import { SHAPES } from '../icons.ts'
import type { PlotMark } from './chart.ts'
import type { Colours } from './colours.ts'

/** Size of an event's sign above the plot, in CSS pixels. */
export const MARK = 12

/** Draws the events: a sign above the plot, and a line down. */
export function drawMarks(plot: uPlot, marks: readonly PlotMark[], colours: Colours): void {
  const { ctx, bbox, scales } = plot
  const { min = 0, max = 0 } = scales['x'] ?? {}
  const ratio = devicePixelRatio
  const size = MARK * ratio
  ctx.save()
  for (const { at, tone } of marks) {
    const time = at / 1000
    if (time < min || time > max) continue
    const x = Math.round(plot.valToPos(time, 'x', true)) + 0.5
    ctx.globalAlpha = 0.7
    ctx.strokeStyle = colours.of(tone)
    ctx.lineWidth = ratio
    ctx.setLineDash([2 * ratio, 3 * ratio])
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.globalAlpha = 1
    ctx.setTransform(size / 16, 0, 0, size / 16, x - size / 2, bbox.top - size - ratio)
    ctx.fillStyle = colours.of(tone)
    ctx.fill(new Path2D(SHAPES[tone]), 'evenodd')
    ctx.setTransform(1, 0, 0, 1, 0, 0)
  }
  ctx.restore()
}

/** One empty bucket does not break a line. */
export const withoutShortGaps: uPlot.Series.GapsRefiner = ({ bbox, data: [times] }, _, __, ___, gaps) => {
  const pitch = bbox.width / Math.max(1, times.length)
  return gaps.filter(([from = 0, to = 0]) => to - from > 2.5 * pitch)
}

/** A value without neighbours is drawn as a point, since a line would not show it. */
export const lonely: uPlot.Series.Points.Filter = ({ data }, series) => {
  const values = data[series] ?? []
  const has = (i: number) => values[i] !== null && values[i] !== undefined
  return [...values.keys()].filter((i) => has(i) && ![-2, -1, 1, 2].some((step) => has(i + step)))
}
