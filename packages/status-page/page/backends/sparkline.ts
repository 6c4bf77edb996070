import { setAttribute, svg } from '../dom.ts'

const WIDTH = 90
const HEIGHT = 20

/** A small plot of shares from 0 to 1. The text beside it has the current value. */
export class Sparkline {
  readonly #area = svg('path', { class: 'area' })
  readonly element = svg(
    'svg',
    {
      class: 'spark',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    svg('path', { class: 'floor', d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }),
    this.#area,
  )

  update(values: readonly number[]): void {
    const pitch = WIDTH / Math.max(1, values.length)
    const steps = values.map((value, i) => {
      const y = HEIGHT - Math.min(1, value) * (HEIGHT - 1)
      return `L${(i * pitch).toFixed(1)} ${y.toFixed(1)}L${((i + 1) * pitch).toFixed(1)} ${y.toFixed(1)}`
    })
    setAttribute(this.#area, 'd', `M0 ${HEIGHT}${steps.join('')}L${WIDTH} ${HEIGHT}z`)
  }
}
