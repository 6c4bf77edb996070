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

export interface Line {
  /** In the legend. Lines with the same name have the same colour. */
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly dashed?: boolean
  /** A value holds until the next point. */
  readonly stepped?: boolean
}

export interface Lines {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly band?: { readonly from: number; readonly to: number; readonly label: string } | undefined
}

type Panel = Bars | Lines

const { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent } = components
use([BarChart, LineChart, SVGRenderer])
use([GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent])

/** Colours on a light page and on a dark one. */
const COLOURS = {
  ground: ['#ffffff', '#0d1117'],
  ink: ['#1f2328', '#f0f6fc'],
  soft: ['#59636e', '#9198a1'],
  grid: ['#d1d9e0', '#3d444d'],
} as const
const SERIES = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#3fb950'],
  ['#8250df', '#bc8cff'],
  ['#6e7781', '#8b949e'],
  ['#bf3989', '#f778ba'],
  ['#9a6700', '#d29922'],
  ['#1b7c83', '#39c5cf'],
] as const
const [INK, SOFT] = [COLOURS.ink[0], COLOURS.soft[0]]

/** Pixels: the plot's title, a line of the legend, around a panel, a panel, a bar. */
const [HEAD, LEGEND, ABOVE, BELOW, BESIDE, WIDTH, HEIGHT, BAR] = [34, 22, 24, 46, 56, 230, 150, 11]

/**
 * Draws a plot as SVG that follows the reader's light or dark theme.
 *
 * @returns `undefined` without panels.
 */
export function drawPlot(
  name: string,
  title: string,
  columns: number,
  panels: readonly Panel[],
): PlotFile | undefined {
  const [first] = panels
  if (first === undefined) return undefined
  const names = [...new Set(panels.flatMap(namesIn))]
  const labels = 'rows' in first ? Math.max(...first.rows.map(({ label }) => label.length * 6.4)) : 36
  const width = Math.max(labels + Math.min(columns, panels.length) * (WIDTH + BESIDE), title.length * 9)
  const legend = names.length < 2 ? 0 : Math.ceil((names.join('').length * 6.6 + names.length * 56) / width)
  const height = 'rows' in first ? first.rows.length * (first.series.length * BAR + 8) : HEIGHT
  const grid = panels.map((_, i) => ({
    left: 16 + labels + (i % columns) * (WIDTH + BESIDE),
    top: HEAD + legend * LEGEND + ABOVE + Math.floor(i / columns) * (ABOVE + height + BELOW),
    ...{ width: WIDTH, height },
  }))
  const bottom = (grid.at(-1)?.top ?? 0) + height + BELOW
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: bottom })
  chart.setOption({
    animation: false,
    color: SERIES.map(([light]) => light),
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: [
      heading(title, 16, 10, 15),
      ...panels.map((panel, i) => heading(panel.title, grid[i]?.left ?? 0, (grid[i]?.top ?? 0) - 20, 12)),
    ],
    legend: {
      show: legend > 0,
      data: names,
      left: 11,
      top: HEAD - 5,
      width,
      itemGap: 24,
      textStyle: { color: INK },
    },
    grid,
    xAxis: panels.map(({ x }, i) => axis(x, i)),
    yAxis: panels.map((panel, i) => {
      if (!('rows' in panel)) return axis(panel.y, i)
      const axisLabel = { show: i % columns === 0, color: INK, interval: 0 }
      const data = panel.rows.map(({ label }) => label)
      return { gridIndex: i, type: 'category', inverse: true, data, axisLabel, ...NO_LINE }
    }),
    series: panels.flatMap((panel, i): object[] =>
      'rows' in panel ? bars(panel, i) : lines(panel, i, names),
    ),
  })
  const svg = themed(chart.renderToSVGString(), title)
  chart.dispose()
  return { name, title, svg }
}

function namesIn(panel: Panel): readonly string[] {
  return 'rows' in panel ? panel.series : panel.lines.map((line) => line.name)
}

function heading(text: string, left: number, top: number, fontSize: number) {
  return { text, left, top, padding: 0, textStyle: { color: INK, fontSize } }
}

const NO_LINE = { axisLine: { show: false }, axisTick: { show: false } }

function axis({ label: name, from: min, to: max, log }: Axis, gridIndex: number) {
  const small = { color: SOFT, fontSize: 11 }
  return {
    ...{ gridIndex, type: log ? 'log' : 'value', min, max, name, nameLocation: 'middle', nameGap: 26 },
    ...{ nameTextStyle: small, axisLabel: { ...small, hideOverlap: true }, ...NO_LINE },
    splitLine: { lineStyle: { color: COLOURS.grid[0], width: 0.6 } },
  }
}

function bars({ series, rows, x, rule, digits = 0 }: Bars, i: number): object[] {
  const label = {
    show: true,
    position: 'right',
    color: INK,
    fontSize: 11,
    textBorderColor: COLOURS.ground[0],
  }
  const lineStyle = { color: INK }
  const markLine = { symbol: 'none', label: { show: false }, lineStyle, data: [{ xAxis: rule }] }
  return series.map((name, n) => ({
    ...{ type: 'bar', name, xAxisIndex: i, yAxisIndex: i, barWidth: BAR - 1, barGap: '10%' },
    data: rows.map(({ values }) => {
      const value = values[n]
      if (value === undefined) return null
      const inside = Math.min(Math.max(value, x.from), x.to)
      return { value: inside, label: { ...label, formatter: value.toFixed(digits) } }
    }),
    ...(rule === undefined || n > 0 ? {} : { markLine }),
  }))
}

function lines({ lines: all, band }: Lines, i: number, names: readonly string[]): object[] {
  const style = {
    itemStyle: { color: SOFT, opacity: 0.12 },
    label: { position: 'insideTop', color: SOFT, fontSize: 11 },
  }
  const markArea = { ...style, data: [[{ name: band?.label, xAxis: band?.from }, { xAxis: band?.to }]] }
  return all.map(({ name, points, dashed, stepped }, n) => ({
    ...{ type: 'line', name, xAxisIndex: i, yAxisIndex: i, showSymbol: false, data: points },
    color: SERIES[names.indexOf(name) % SERIES.length]?.[0],
    lineStyle: { width: 1.8, type: dashed ? 'dashed' : 'solid' },
    step: stepped ? 'end' : false,
    ...(band === undefined || n > 0 ? {} : { markArea }),
  }))
}

/** Colours are attributes, which a style sheet overrides. What is only for a pointer is removed. */
function themed(svg: string, title: string): string {
  const dark = [...Object.values(COLOURS), ...SERIES].map(
    ([light, other]) => `[fill="${light}"]{fill:${other}}[stroke="${light}"]{stroke:${other}}`,
  )
  const style = `<style>@media(prefers-color-scheme:dark){${dark.join('')}}</style>`
  const plain = svg
    .replaceAll(/ (class="zr|ecmeta_\w+=")[^"]*"| pointer-events="visible"/g, '')
    .replace(/<style >.*<\/style>\s*/s, '')
    .replaceAll(/zr\d+-/g, '')
  return `${plain.replace(/<rect (.*) fill="none">/, `<title>${title}</title>${style}\n<rect $1 rx="6" fill="#ffffff">`)}\n`
}
