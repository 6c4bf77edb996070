import { setAttribute, svg } from '../dom.ts'
import type { Tone } from '../words.ts'

/** Widths in pixels: all traffic, the thinnest line, and the column of the drawing. */
const WHOLE = 26
const LEAST = 1.5
const GUTTER = 64
const LEFT = 4
/** Distance of the buffer stop from the end of a closed branch. */
const CLOSED = 13
/** Start and radius of a branch's bend. */
const TOP = 8
const RADIUS = 9

/** Width of the line with this share of the traffic. */
export function widthOf(share: number): number {
  return share * WHOLE
}

export interface Stretch {
  /** Width of this backend's branch, and of the line to the backends below. */
  readonly branch: number
  readonly through: number
  readonly isUsed: boolean
  /** Whether the backend gets no requests. */
  readonly isClosed: boolean
  readonly tone: Tone
}

/** The start of the line. */
export class TrackHead {
  readonly #rect = svg('rect', { class: 'through', x: String(LEFT), y: '0', height: '60', rx: '3' })
  readonly element = svg(
    'svg',
    { class: 'stretch', width: String(GUTTER), 'aria-hidden': 'true' },
    this.#rect,
  )

  update(width: number): void {
    setAttribute(this.#rect, 'width', String(width))
  }
}

/** One backend's stretch of the line: its branch, and the line to the backends below, as wide as their traffic. */
export class TrackStretch {
  readonly #branch = svg('path', { class: 'branch' })
  readonly #buffer = svg('rect', { class: 'buffer', x: String(GUTTER - CLOSED), width: '3.5', rx: '1' })
  /** As high as the backend's text. */
  readonly #tail = svg('rect', { class: 'through', y: '0', height: '100%' })
  readonly element = svg(
    'svg',
    { class: 'stretch', width: String(GUTTER), 'aria-hidden': 'true' },
    this.#tail,
    this.#branch,
    this.#buffer,
  )

  update(stretch: Stretch): void {
    const { through, isUsed, isClosed, tone } = stretch
    const branch = Math.max(LEAST, stretch.branch)
    const left = LEFT + through
    const right = left + branch
    const bend = TOP + RADIUS
    const end = isClosed ? GUTTER - CLOSED : GUTTER
    this.element.dataset['tone'] = tone
    setAttribute(this.element, 'data-used', isUsed ? '' : undefined)
    setAttribute(this.#tail, 'x', String(LEFT))
    setAttribute(this.#tail, 'width', String(through))
    setAttribute(this.#buffer, 'y', String(bend - 5))
    setAttribute(this.#buffer, 'height', String(isClosed ? branch + 10 : 0))
    // Down the right side of the line, a quarter turn, then out.
    setAttribute(
      this.#branch,
      'd',
      `M${left} 0V${TOP}A${RADIUS + branch} ${RADIUS + branch} 0 0 0 ${right + RADIUS} ${bend + branch}` +
        `H${end}V${bend}H${right + RADIUS}A${RADIUS} ${RADIUS} 0 0 1 ${right} ${TOP}V0z`,
    )
  }
}
