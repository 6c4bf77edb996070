import { setAttribute, svg } from './dom.ts'
import type { Tone } from './words.ts'

/** Widths, in pixels: of all traffic, of what carries next to nothing, and of the gutter that it is drawn in. */
const WHOLE = 26
const LEAST = 1.5
const GUTTER = 64
const LEFT = 4
/** How far before its end a branch is closed, where nothing gets through: with a buffer stop. */
const CLOSED = 13
/** Where a branch leaves, and how tightly it turns. */
const TOP = 8
const RADIUS = 9

/** How wide a branch is that carries such a share of the traffic. */
export function widthOf(share: number): number {
  return Math.max(LEAST, share * WHOLE)
}

export interface Stretch {
  /** How wide the branch is that gets off here, and what goes on to those below. */
  readonly branch: number
  readonly through: number
  readonly isUsed: boolean
  /** Whether nothing gets through. */
  readonly isClosed: boolean
  readonly tone: Tone
}

/** Where the line begins. */
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

/** One stretch of the line along the backends, as wide as their traffic: what gets off at this one, and what goes on. */
export class TrackStretch {
  readonly #branch = svg('path', { class: 'branch' })
  readonly #buffer = svg('rect', { class: 'buffer', x: String(GUTTER - CLOSED), width: '3.5', rx: '1' })
  /** It goes on for as long as the backend's text is, which is not known here. */
  readonly #tail = svg('rect', { class: 'through', y: '0', height: '100%' })
  readonly element = svg(
    'svg',
    { class: 'stretch', width: String(GUTTER), 'aria-hidden': 'true' },
    this.#tail,
    this.#branch,
    this.#buffer,
  )

  update({ branch, through, isUsed, isClosed, tone }: Stretch): void {
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
    // Down on the right of the line, a quarter turn, and out.
    setAttribute(
      this.#branch,
      'd',
      `M${left} 0V${TOP}A${RADIUS + branch} ${RADIUS + branch} 0 0 0 ${right + RADIUS} ${bend + branch}` +
        `H${end}V${bend}H${right + RADIUS}A${RADIUS} ${RADIUS} 0 0 1 ${right} ${TOP}V0z`,
    )
  }
}
