import uPlot from 'uplot'
import { h, setAttribute, svg } from '../dom.ts'
import { Sign } from '../icons.ts'
import { type Chart, marksIn, type PlotLine, type Plotted } from './chart.ts'
import { Colours } from './colours.ts'
import { dataOf, optionsFor } from './options.ts'

/** Buckets that Page Up and Page Down move by. */
const PAGE = 6

/** A plot by uPlot. The pointer or the arrow keys select a bucket, whose values and events are then shown as text. */
export class CanvasPlot {
  readonly #chart: Chart
  readonly #sync: string
  readonly #colours: Colours
  readonly #legend = h('dl', { class: 'legend' })
  readonly #when = h('p', { class: 'when' })
  readonly #handle: HTMLElement
  readonly element: HTMLElement
  #plotted: Plotted | undefined
  #plot: uPlot | undefined
  /** The lines of `#plot`. */
  #keys = ''
  #width = 0
  #bucket: number | undefined

  /** @param sync Plots with the same key share the cursor. */
  constructor(chart: Chart, sync: string) {
    this.#chart = chart
    this.#sync = sync
    const probe = h('span', { class: 'probe' })
    this.#colours = new Colours(probe)
    const label = `${chart.title}, last ${sync}`
    this.#handle = h(
      'div',
      {
        class: 'canvas',
        role: 'slider',
        tabindex: '0',
        'aria-label': label,
        'aria-orientation': 'horizontal',
      },
      probe,
    )
    const caption = h(
      'figcaption',
      {},
      h('h3', {}, chart.title),
      h('span', { class: 'note' }, chart.unit),
      this.#when,
    )
    this.element = h('figure', { class: 'plot' }, caption, this.#legend, this.#handle)
    new ResizeObserver(([entry]) => this.#resize(Math.floor(entry?.contentRect.width ?? 0))).observe(
      this.#handle,
    )
    this.#listen()
  }

  update(plotted: Plotted): void {
    this.#plotted = plotted
    this.#draw()
  }

  #resize(width: number): void {
    this.#width = width
    if (width > 0 && this.#plot !== undefined) this.#plot.setSize({ width, height: this.#plot.height })
    this.#draw()
  }

  #draw(): void {
    const plotted = this.#plotted
    if (plotted === undefined || this.#width === 0) return
    this.#describe(plotted)
    const keys = plotted.lines.map(({ key }) => key).join('\n')
    const data = dataOf(this.#chart, plotted)
    if (this.#plot === undefined || keys !== this.#keys) {
      this.#plot?.destroy()
      this.#keys = keys
      this.#plot = new uPlot(this.#options(plotted.lines), data, this.#handle)
    } else this.#plot.setData(data)
  }

  #options(lines: readonly PlotLine[]): uPlot.Options {
    return optionsFor(
      {
        chart: this.#chart,
        colours: this.#colours,
        sync: this.#sync,
        format: () => this.#current.format,
        marks: () => this.#current.timeline.marks,
        onCursor: (bucket) => this.#select(bucket),
      },
      lines,
      this.#width,
    )
  }

  get #current(): Plotted {
    if (this.#plotted === undefined) throw new Error('nothing is plotted yet')
    return this.#plotted
  }

  #select(bucket: number | undefined): void {
    if (bucket === this.#bucket) return
    this.#bucket = bucket
    if (this.#plotted !== undefined) this.#describe(this.#plotted)
  }

  #listen(): void {
    const handle = this.#handle
    handle.addEventListener('blur', () => this.#plot?.setCursor({ left: -10, top: -10 }))
    handle.addEventListener('keydown', (event) => {
      const last = (this.#plotted?.timeline.starts.length ?? 1) - 1
      const at = this.#bucket ?? last + 1
      const moves: Readonly<Record<string, number>> = {
        ArrowLeft: at - 1,
        ArrowDown: at - 1,
        ArrowRight: at + 1,
        ArrowUp: at + 1,
        PageUp: at + PAGE,
        PageDown: at - PAGE,
        Home: 0,
        End: last,
      }
      const next = moves[event.key]
      const plot = this.#plot
      if (next === undefined || plot === undefined) return
      event.preventDefault()
      const time = plot.data[0][Math.min(last, Math.max(0, next))] ?? 0
      plot.setCursor({ left: plot.valToPos(time, 'x'), top: 1 })
    })
  }

  /** Shows the selected bucket, or the whole time, as text. */
  #describe({ timeline, lines, format, summary }: Plotted): void {
    const bucket = this.#bucket
    const last = timeline.starts.length - 1
    const start = timeline.starts[bucket ?? last] ?? 0
    const marks = bucket === undefined ? [] : marksIn(timeline, bucket)
    const when = bucket === undefined ? '' : timeline.step < 60_000 ? format.time(start) : format.clock(start)
    const rows = lines.map(({ key, name, at, sum }) => ({
      key,
      name,
      value: bucket === undefined ? sum : at(bucket),
    }))
    this.#when.replaceChildren(
      when,
      ...marks.map(({ tone, text }) => h('span', { class: 'event' }, new Sign(tone).element, text)),
    )
    const said = [...marks.map(({ text }) => text), ...rows.map(({ name, value }) => `${name} ${value}`)]
    const handle = this.#handle
    setAttribute(handle, 'aria-valuemin', String(-last))
    setAttribute(handle, 'aria-valuemax', '0')
    setAttribute(handle, 'aria-valuenow', String((bucket ?? last) - last))
    setAttribute(handle, 'aria-valuetext', bucket === undefined ? summary : `${when}: ${said.join(', ')}`)
    this.#legend.replaceChildren(
      ...lines.map((line, i) =>
        h('div', {}, h('dt', {}, this.#swatch(line), line.name), h('dd', {}, rows[i]?.value ?? '')),
      ),
    )
  }

  #swatch({ colour, dash, isStriped = false }: PlotLine): SVGSVGElement {
    const isLine = this.#chart.look === 'lines'
    const mark = isLine
      ? svg('path', { d: 'M0 6H22' })
      : svg('rect', { x: '1', y: '1', width: '10', height: '10', rx: '2' })
    if (dash !== undefined) mark.style.strokeDasharray = dash.join(' ')
    mark.style.setProperty('--series', `var(--${colour})`)
    const name = isLine ? 'line' : isStriped ? 'bar striped' : 'bar'
    mark.setAttribute('class', name)
    return svg(
      'svg',
      { class: 'swatch', width: isLine ? '22' : '12', height: '12', 'aria-hidden': 'true' },
      mark,
    )
  }
}
