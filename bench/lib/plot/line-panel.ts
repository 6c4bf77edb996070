import type { Panel } from './chart.ts'
import { type Axis, scaleOf } from './scale.ts'
import { stroke } from './style.ts'
import { element, text } from './svg.ts'

export interface Line {
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Number of the colour. */
  readonly colour: number
  readonly dashed?: boolean
  /** Whether a value holds until the next. */
  readonly stepped?: boolean
}

export interface Band {
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface LinePanel {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  /** Stretches of x that something holds for. */
  readonly bands?: readonly Band[]
  readonly width?: number
  readonly height?: number
}

const LEFT = 44
const TOP = 22
const BOTTOM = 40

/** Lines over two axes: what changes over time, and distributions. */
export function linePanel(panel: LinePanel): Panel {
  const { width = 340, height = 240 } = panel
  return { width, height, draw: () => draw(panel, width, height) }
}

function draw({ title, x, y, lines, bands = [] }: LinePanel, width: number, height: number): string {
  const across = scaleOf(x, LEFT, width - 8)
  const up = scaleOf(y, height - BOTTOM, TOP)
  const shades = bands.map(({ from, to, label }) => {
    const left = across.at(from)
    const shade = {
      class: 'band',
      x: left,
      y: TOP,
      width: across.at(to) - left,
      height: height - BOTTOM - TOP,
    }
    return element('rect', shade) + text(label, { class: 'small soft', x: left + 4, y: TOP + 12 })
  })
  const verticals = across.ticks.map(
    (tick) =>
      element('path', { class: 'grid', d: `M${round(across.at(tick))} ${TOP}V${height - BOTTOM}` }) +
      text(String(tick), {
        class: 'small soft',
        x: across.at(tick),
        y: height - BOTTOM + 15,
        'text-anchor': 'middle',
      }),
  )
  const horizontals = up.ticks.map(
    (tick) =>
      element('path', { class: 'grid', d: `M${LEFT} ${round(up.at(tick))}H${width - 8}` }) +
      text(String(tick), { class: 'small soft', x: LEFT - 6, y: up.at(tick) + 4, 'text-anchor': 'end' }),
  )
  const paths = lines.map(({ points, colour, dashed = false, stepped = false }) => {
    const [first, ...rest] = points.map(([a, b]) => [round(across.at(a)), round(up.at(b))] as const)
    if (first === undefined) return ''
    const path = rest.map(([a, b]) => (stepped ? `H${a}V${b}` : `L${a} ${b}`)).join('')
    return element('path', {
      class: `line ${stroke(colour)}${dashed ? ' dashed' : ''}`,
      d: `M${first[0]} ${first[1]}${path}`,
    })
  })
  const middle = (LEFT + width - 8) / 2
  return [
    text(title, { class: 'panel', x: LEFT, y: 14 }),
    ...shades,
    ...verticals,
    ...horizontals,
    ...paths,
    text(x.label, { class: 'small soft', x: middle, y: height - 6, 'text-anchor': 'middle' }),
    text(y.label, {
      class: 'small soft',
      transform: `translate(11 ${(TOP + height - BOTTOM) / 2}) rotate(-90)`,
      'text-anchor': 'middle',
    }),
  ].join('')
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}
