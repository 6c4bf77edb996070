import { fill, STYLE, stroke } from './style.ts'
import { type Attributes, element, escaped, text } from './svg.ts'

/** A part of a chart, drawn with its own corner as the origin. */
export interface Panel {
  readonly width: number
  readonly height: number
  draw(): string
}

export interface LegendEntry {
  readonly label: string
  /** Number of the colour. */
  readonly colour: number
  readonly dashed?: boolean
}

export interface Chart {
  readonly title: string
  readonly legend: readonly LegendEntry[]
  readonly panels: readonly Panel[]
  /** Panels in a row. */
  readonly columns: number
}

const MARGIN = 16
const LINE = 20
/** How much larger the title's letters are. */
const TITLE = 1.3

/** A whole SVG file. */
export function drawChart({ title, legend, panels, columns }: Chart): string {
  const rows = Array.from({ length: Math.ceil(panels.length / columns) }, (_, i) =>
    panels.slice(i * columns, (i + 1) * columns),
  )
  const across = (row: readonly Panel[]) =>
    row.reduce((sum, panel) => sum + panel.width, 0) + MARGIN * (row.length - 1)
  const width = Math.max(textWidth(title) * TITLE, ...rows.map(across)) + 2 * MARGIN
  const entries = drawLegend(legend, width)
  let y = MARGIN + LINE + entries.height + MARGIN / 2
  const placed: string[] = []
  for (const row of rows) {
    let x = MARGIN
    for (const panel of row) {
      placed.push(element('g', { transform: `translate(${Math.round(x)} ${Math.round(y)})` }, panel.draw()))
      x += panel.width + MARGIN
    }
    y += Math.max(...row.map((panel) => panel.height)) + MARGIN
  }
  const size: Attributes = { width: Math.ceil(width), height: Math.ceil(y) }
  const svg = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${size['width']} ${size['height']}`,
      ...size,
      role: 'img',
    },
    element('title', {}, escaped(title)),
    element('style', {}, STYLE),
    element('rect', { class: 'ground', width: '100%', height: '100%', rx: 6 }),
    text(title, { class: 'title', x: MARGIN, y: MARGIN + 10 }),
    entries.svg,
    ...placed,
  )
  return `${svg.replaceAll(/(<(?:g|rect|path|text|style|line)[ >])/g, '\n$1')}\n`
}

function drawLegend(legend: readonly LegendEntry[], width: number): { svg: string; height: number } {
  let [x, y] = [MARGIN, MARGIN + LINE]
  const drawn = legend.map(({ label, colour, dashed }) => {
    const wide = 32 + textWidth(label)
    if (x + wide > width - MARGIN && x > MARGIN) [x, y] = [MARGIN, y + LINE]
    const sample =
      dashed === undefined
        ? element('rect', { class: fill(colour), x, y: y + 2, width: 14, height: 10, rx: 2 })
        : element('path', {
            class: `line ${stroke(colour)}${dashed ? ' dashed' : ''}`,
            d: `M${x} ${y + 7}h18`,
          })
    const entry = sample + text(label, { x: x + 24, y: y + 11 })
    x += wide + 12
    return entry
  })
  return { svg: drawn.join(''), height: legend.length === 0 ? 0 : y - MARGIN }
}

/** About how wide a text of the usual size is, in pixels. */
export function textWidth(content: string): number {
  return content.length * 6.4
}
