import { type Panel, textWidth } from './chart.ts'
import { type Axis, scaleOf } from './scale.ts'
import { fill } from './style.ts'
import { element, text } from './svg.ts'

export interface Bars {
  readonly label: string
  /** One bar each, in the order of the colours; none where it is undefined. */
  readonly values: readonly (number | undefined)[]
}

export interface BarPanel {
  readonly title: string
  readonly axis: Axis
  readonly rows: readonly Bars[]
  /** Values to compare with: a line through all rows. */
  readonly rules?: readonly number[]
  /** Whether the rows' labels stand before them; without, beside a panel that has the same rows. */
  readonly labelled?: boolean
  /** How a value is written behind its bar. */
  readonly write: (value: number) => string
}

const TOP = 24
const BOTTOM = 38
const BAR = 11
const GAP = 8
const LENGTH = 200

/** Horizontal bars in groups, for contenders whose names are long. */
export function barPanel(panel: BarPanel): Panel {
  const { rows, labelled = true } = panel
  const left = labelled ? Math.max(...rows.map(({ label }) => textWidth(label))) + 8 : 8
  const group = Math.max(...rows.map(({ values }) => values.length)) * BAR + GAP
  const height = TOP + rows.length * group + BOTTOM
  return { width: left + LENGTH + 36, height, draw: () => draw(panel, left, group, height) }
}

function draw(
  { title, axis, rows, rules = [], labelled = true, write }: BarPanel,
  left: number,
  group: number,
  height: number,
): string {
  const scale = scaleOf(axis, left, left + LENGTH)
  const bottom = height - BOTTOM
  const grid = scale.ticks.map(
    (tick) =>
      element('path', { class: 'grid', d: `M${Math.round(scale.at(tick))} ${TOP}V${bottom}` }) +
      text(String(tick), { class: 'small soft', x: scale.at(tick), y: bottom + 15, 'text-anchor': 'middle' }),
  )
  const groups = rows.map(({ label, values }, i) => {
    const y = TOP + i * group + GAP / 2
    const name = { x: left - 8, y: y + (group - GAP) / 2 + 4, 'text-anchor': 'end' }
    const bars = values.map((value, j) => {
      if (value === undefined) return ''
      const end = scale.at(value)
      const bar = { class: fill(j), x: left, y: y + j * BAR, width: end - left, height: BAR - 1 }
      return (
        element('rect', bar) + text(write(value), { class: 'small', x: end + 3, y: y + (j + 1) * BAR - 1 })
      )
    })
    return (labelled ? text(label, name) : '') + bars.join('')
  })
  const lines = rules.map((rule) =>
    element('path', { class: 'rule', d: `M${Math.round(scale.at(rule))} ${TOP}V${bottom}` }),
  )
  const middle = left + LENGTH / 2
  return [
    text(title, { class: 'panel', x: left, y: 14 }),
    ...grid,
    ...groups,
    ...lines,
    text(axis.label, { class: 'small soft', x: middle, y: height - 6, 'text-anchor': 'middle' }),
  ].join('')
}
