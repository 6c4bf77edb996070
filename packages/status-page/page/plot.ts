import { h, setAttribute, setText, svg } from './dom.ts'
import type { Model } from './model.ts'
import type { Scale } from './scale.ts'

/** The drawing area, in pixels. */
export interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** The content of one plot. */
export interface Chart {
  readonly title: string
  readonly unit: string
  /** Draws into an empty group. @returns The scale of the values. */
  draw(group: SVGGElement, model: Model, frame: Frame): Scale
  label(value: number, model: Model): string
  /** The rows of the legend, for one span or for all. */
  legend(model: Model, span: number | undefined): readonly LegendRow[]
  /** Describes the plot in a sentence, for screen readers. */
  summary(model: Model): string
}

export interface LegendRow {
  /** The classes of the colour, line or pattern. */
  readonly mark: string
  readonly name: string
  readonly value: string
}

const HEIGHT = 168
const LEFT = 44
const MARGIN = 8
const BELOW = 22

/** A plot of the last minutes. The pointer or the arrow keys select a span, which the legend then shows. */
export class Plot {
  readonly #chart: Chart
  readonly #svg = svg('svg', { 'aria-hidden': 'true' })
  readonly #legend = h('dl', { class: 'legend' })
  readonly #when = h('p', { class: 'when' })
  readonly #handle: HTMLElement
  readonly element: HTMLElement
  #width = 0
  /** The selected span, counted from the newest. */
  #cursor: number | undefined
  #model: Model | undefined

  constructor(chart: Chart) {
    this.#chart = chart
    this.#handle = h(
      'div',
      {
        class: 'canvas',
        role: 'slider',
        tabindex: '0',
        'aria-label': `${chart.title}, by time`,
        'aria-orientation': 'horizontal',
      },
      this.#svg,
    )
    this.element = h(
      'figure',
      { class: 'plot' },
      h('figcaption', {}, h('h3', {}, chart.title), h('span', { class: 'note' }, chart.unit), this.#when),
      this.#legend,
      this.#handle,
    )
    new ResizeObserver(([entry]) => {
      this.#width = entry?.contentRect.width ?? 0
      this.#draw()
    }).observe(this.#handle)
    this.#listen()
  }

  update(model: Model): void {
    this.#model = model
    this.#draw()
  }

  #listen(): void {
    const handle = this.#handle
    handle.addEventListener('pointermove', ({ clientX }) => {
      const { left } = handle.getBoundingClientRect()
      this.#read(this.#spanAt(clientX - left))
    })
    handle.addEventListener('pointerleave', () => this.#read(undefined))
    handle.addEventListener('blur', () => this.#read(undefined))
    handle.addEventListener('keydown', (event) => {
      const spans = this.#model?.store.limits.spans ?? 1
      const at = this.#cursor ?? -1
      const moves: Readonly<Record<string, number>> = {
        ArrowLeft: at + 1,
        ArrowDown: at + 1,
        ArrowRight: at - 1,
        ArrowUp: at - 1,
        PageUp: at - 6,
        PageDown: at + 6,
        Home: spans - 1,
        End: 0,
      }
      const next = moves[event.key]
      if (next === undefined) return
      event.preventDefault()
      this.#read(Math.min(spans - 1, Math.max(0, next)))
    })
  }

  #spanAt(x: number): number | undefined {
    const spans = this.#model?.store.limits.spans ?? 1
    const { left, right } = this.#frame
    const place = Math.floor(((x - left) / (right - left)) * spans)
    return place < 0 || place >= spans ? undefined : spans - 1 - place
  }

  #read(cursor: number | undefined): void {
    if (cursor === this.#cursor) return
    this.#cursor = cursor
    this.#draw()
  }

  get #frame(): Frame {
    return { left: LEFT, right: this.#width - MARGIN, top: MARGIN, bottom: HEIGHT - BELOW }
  }

  #draw(): void {
    const model = this.#model
    if (model === undefined || this.#width === 0) return
    this.#describe(model)
    const frame = this.#frame
    const marks = svg('g')
    const scale = this.#chart.draw(marks, model, frame)
    setAttribute(this.#svg, 'viewBox', `0 0 ${this.#width} ${HEIGHT}`)
    setAttribute(this.#svg, 'height', String(HEIGHT))
    this.#svg.replaceChildren(this.#grid(scale, model, frame), marks, ...this.#cursorLine(model, frame))
  }

  #describe(model: Model): void {
    const chart = this.#chart
    const { spans, span } = model.store.limits
    const cursor = this.#cursor
    const index = cursor === undefined ? undefined : spans - 1 - cursor
    const rows = chart.legend(model, index)
    const began = (model.store.lastSpan(model.now) - (cursor ?? 0)) * span
    const when = cursor === undefined ? '' : model.format.time(model.wallOf(began))
    setText(this.#when, when)
    const handle = this.#handle
    setAttribute(handle, 'aria-valuemin', String(1 - spans))
    setAttribute(handle, 'aria-valuemax', '0')
    setAttribute(handle, 'aria-valuenow', String(-(cursor ?? 0)))
    const said = rows.map(({ name, value }) => `${name} ${value}`).join(', ')
    setAttribute(handle, 'aria-valuetext', cursor === undefined ? chart.summary(model) : `${when}: ${said}`)
    this.#legend.replaceChildren(
      ...rows.map(({ mark, name, value }) =>
        h('div', {}, h('dt', {}, swatch(mark), name), h('dd', {}, value)),
      ),
    )
  }

  #grid(scale: Scale, model: Model, frame: Frame): SVGGElement {
    const { left, right, bottom } = frame
    const grid = svg('g', { class: 'grid' })
    for (const tick of scale.ticks) {
      const y = Math.round(scale.at(tick)) + 0.5
      grid.append(
        svg('path', { d: `M${left} ${y}H${right}` }),
        svg(
          'text',
          { x: String(left - 6), y: String(y + 3.5), 'text-anchor': 'end' },
          this.#chart.label(tick, model),
        ),
      )
    }
    const { span, spans } = model.store.limits
    const minutes = (span * spans) / 60_000
    for (let ago = 0; ago <= minutes; ago += 5) {
      const x = right - ((right - left) * ago) / minutes
      const anchor = ago === 0 ? 'end' : ago === minutes ? 'start' : 'middle'
      grid.append(
        svg('path', { class: 'notch', d: `M${Math.round(x) - 0.5} ${bottom + 0.5}v4` }),
        svg(
          'text',
          { x: String(x), y: String(bottom + 17), 'text-anchor': anchor },
          ago === 0 ? 'now' : `−${model.format.count(ago)} min`,
        ),
      )
    }
    return grid
  }

  #cursorLine(model: Model, { left, right, top, bottom }: Frame): SVGElement[] {
    if (this.#cursor === undefined) return []
    const { spans } = model.store.limits
    const x = left + ((right - left) * (spans - this.#cursor - 0.5)) / spans
    return [svg('path', { class: 'cursor', d: `M${x} ${top}V${bottom}` })]
  }
}

/** A sample of a line or bar of the plot, for the legend. */
export function swatch(mark: string): SVGSVGElement {
  const isLine = mark.startsWith('line')
  const shape = isLine
    ? svg('path', { class: mark, d: 'M0 6H18' })
    : svg('rect', { class: mark, x: '1', y: '1', width: '10', height: '10', rx: '2' })
  return svg(
    'svg',
    { class: 'swatch', width: isLine ? '18' : '12', height: '12', 'aria-hidden': 'true' },
    shape,
  )
}
