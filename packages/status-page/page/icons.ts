import { svg } from './dom.ts'
import type { Tone } from './words.ts'

/** A shape for each tone, so that colour is not needed: disc, half disc, square, ring. */
export const SHAPES: Readonly<Record<Tone, string>> = {
  go: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zM7 11.4L3.9 8.3l1.3-1.3L7 8.8l3.8-3.8l1.3 1.3z',
  wait: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zm0 2v9a4.5 4.5 0 0 1 0-9z',
  stop: 'M3 2h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1zm1.5 4.8v2.4h7V6.8z',
  off: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zm0 2a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9z',
}

/** The icon of a tone. The text beside it has the same information. */
export class Sign {
  readonly #path = svg('path', { 'fill-rule': 'evenodd' })
  readonly element = svg('svg', { class: 'sign', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, this.#path)

  constructor(tone: Tone) {
    this.show(tone)
  }

  show(tone: Tone): void {
    if (this.element.dataset['tone'] === tone) return
    this.element.dataset['tone'] = tone
    this.#path.setAttribute('d', SHAPES[tone])
  }
}
