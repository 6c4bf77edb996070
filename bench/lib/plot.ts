import { BarChart, LineChart } from 'echarts/charts'
import * as components from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

export interface PlotFile {
  readonly name: string
  readonly title: string
  readonly svg: string
}

export interface Axis {
  readonly label: string
  readonly from: number
  readonly to: number
  readonly log?: boolean
}

/** Horizontal bars in groups, for contenders with long names. */
export interface Bars {
  readonly title: string
  readonly x: Axis
  readonly series: readonly string[]
  /** One value for each series; `undefined` draws no bar. */
  readonly rows: readonly { readonly label: string; readonly values: readonly (number | undefined)[] }[]
  /** A vertical line to compare with. */
  readonly rule?: number
  readonly digits?: number
}

/** Lines with the same name have the same colour. A stepped line holds each value until the next point. */
export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly dashed?: boolean
  readonly stepped?: boolean
}

export interface Lines {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly band?: { readonly from: number; readonly to: number; readonly label: string } | undefined
}

const { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent } = components
use([BarChart, LineChart, SVGRenderer])
use([GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent])

/** Colours of light pages: background, text, soft text, grid, then the series; and the same for dark pages. */
const LIGHT =
  '#ffffff #1f2328 #59636e #d1d9e0 #0969da #bc4c00 #1a7f37 #8250df #6e7781 #bf3989 #9a6700 #1b7c83'
const DARK = '#0d1117 #f0f6fc #9198a1 #3d444d #58a6ff #f0883e #3fb950 #bc8cff #8b949e #f778ba #d29922 #39c5cf'
const [GROUND = '', INK = '', SOFT = '', GRID = '', ...SERIES] = LIGHT.split(' ')

/** Pixels: the plot's title, a line of the legend, around a panel, a panel, a bar. */
const [HEAD, LEGEND, ABOVE, BELOW, BESIDE, WIDTH, HEIGHT, BAR] = [34, 22, 24, 46, 56, 230, 150, 11]

/**
 * Draws panels in rows of so many as SVG that follows the reader's light or dark theme.
 *
 * @returns `undefined` without panels.
 */
export function drawPlot(
  name: string,
  title: string,
  columns: number,
  panels: readonly (Bars | Lines)[],
): PlotFile | undefined {
  const [first] = panels
  if (first === undefined) return undefined
  const namesIn = (panel: Bars | Lines) =>
    'rows' in panel ? panel.series : panel.lines.map((line) => line.name)
  const names = [...new Set(panels.flatMap(namesIn))]
  const labels = 'rows' in first ? Math.max(...first.rows.map(({ label }) => label.length * 6.4)) : 36
  const width = Math.max(labels + Math.min(columns, panels.length) * (WIDTH + BESIDE), title.length * 9)
  const legend = names.length < 2 ? 0 : Math.ceil((names.join('').length * 6.6 + names.length * 56) / width)
  const height = 'rows' in first ? first.rows.length * (first.series.length * BAR + 8) : HEIGHT
  const leftOf = (i: number) => 16 + labels + (i % columns) * (WIDTH + BESIDE)
  const topOf = (i: number) =>
    HEAD + legend * LEGEND + ABOVE + Math.floor(i / columns) * (ABOVE + height + BELOW)
  const bottom = topOf(panels.length - 1) + height + BELOW
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: bottom })
  const headings = panels.map((panel, i) => heading(panel.title, leftOf(i), topOf(i) - 20, 12))
  chart.setOption({
    animation: false,
    color: SERIES,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: [heading(title, 16, 10, 15), ...headings],
    legend: {
      ...{ show: legend > 0, data: names, left: 11, top: HEAD - 5, width },
      ...{ itemGap: 24, textStyle: { color: INK } },
    },
    grid: panels.map((_, i) => ({ left: leftOf(i), top: topOf(i), width: WIDTH, height })),
    xAxis: panels.map(({ x }, i) => axis(x, i)),
    yAxis: panels.map((panel, i) =>
      'rows' in panel ? categories(panel, i, i % columns === 0) : axis(panel.y, i),
    ),
    series: panels.flatMap((panel, i) => ('rows' in panel ? bars(panel, i) : lines(panel, i, names))),
  })
  const svg = themed(chart.renderToSVGString(), title)
  chart.dispose()
  return { name, title, svg }
}

function heading(text: string, left: number, top: number, fontSize: number) {
  return { text, left, top, padding: 0, textStyle: { color: INK, fontSize } }
}

const SMALL = { color: SOFT, fontSize: 11 }
const NO_LINE = { axisLine: { show: false }, axisTick: { show: false } }

function axis({ label: name, from: min, to: max, log }: Axis, gridIndex: number) {
  return {
    ...{ gridIndex, type: log ? 'log' : 'value', min, max, name, nameLocation: 'middle', nameGap: 26 },
    ...{ nameTextStyle: SMALL, axisLabel: { ...SMALL, hideOverlap: true }, ...NO_LINE },
    splitLine: { lineStyle: { color: GRID, width: 0.6 } },
  }
}

function categories({ rows }: Bars, gridIndex: number, show: boolean) {
  const data = rows.map(({ label }) => label)
  return {
    gridIndex,
    type: 'category',
    inverse: true,
    data,
    axisLabel: { show, color: INK, interval: 0 },
    ...NO_LINE,
  }
}

function bars({ series, rows, x, rule, digits = 0 }: Bars, i: number): object[] {
  const label = { show: true, position: 'right', color: INK, fontSize: 11, textBorderColor: GROUND }
  const markLine = {
    symbol: 'none',
    label: { show: false },
    lineStyle: { color: INK },
    data: [{ xAxis: rule }],
  }
  return series.map((name, n) => ({
    ...{ type: 'bar', name, xAxisIndex: i, yAxisIndex: i, barWidth: BAR - 1, barGap: '10%' },
    data: rows.map(({ values }) => {
      const value = values[n]
      const inside = Math.min(Math.max(value ?? 0, x.from), x.to)
      return value === undefined
        ? null
        : { value: inside, label: { ...label, formatter: value.toFixed(digits) } }
    }),
    ...(rule === undefined || n > 0 ? {} : { markLine }),
  }))
}

function lines({ lines: all, band }: Lines, i: number, names: readonly string[]): object[] {
  const style = { itemStyle: { color: SOFT, opacity: 0.12 }, label: { ...SMALL, position: 'insideTop' } }
  const markArea = { ...style, data: [[{ name: band?.label, xAxis: band?.from }, { xAxis: band?.to }]] }
  return all.map(({ name, points, dashed, stepped }, n) => ({
    ...{ type: 'line', name, xAxisIndex: i, yAxisIndex: i, showSymbol: false, data: points },
    ...{ color: SERIES[names.indexOf(name) % SERIES.length], step: stepped ? 'end' : false },
    lineStyle: { width: 1.8, type: dashed ? 'dashed' : 'solid' },
    ...(band === undefined || n > 0 ? {} : { markArea }),
  }))
}

/** Colours are attributes, which a style sheet overrides. What is only for a pointer, or differs by process, is removed. */
function themed(svg: string, title: string): string {
  const dark = DARK.split(' ')
  const rules = LIGHT.split(' ').map((light, i) =>
    ['fill', 'stroke'].map((name) => `[${name}="${light}"]{${name}:${dark[i]}}`).join(''),
  )
  const head = `<title>${title}</title><style>@media(prefers-color-scheme:dark){${rules.join('')}}</style>`
  const plain = svg
    .replaceAll(/ (class="zr|ecmeta_\w+=")[^"]*"| pointer-events="visible"|zr\d+-/g, '')
    .replace(/<style >.*<\/style>\s*/s, '')
  return `${plain.replace(/<rect (.*) fill="none">/, `${head}\n<rect $1 rx="6" fill="${GROUND}">`)}\n`
}
