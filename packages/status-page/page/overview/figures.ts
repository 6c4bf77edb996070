import type { Fates, WindowView } from '../../src/wire.ts'
import { h, setAttribute, setText } from '../dom.ts'
import type { Model } from '../model.ts'

/** One number with its name, and a smaller line below it. */
class Figure {
  readonly #value = h('span', { class: 'value' })
  readonly #note = h('span', { class: 'note' })
  readonly element: HTMLDivElement

  constructor(name: string) {
    this.element = h('div', {}, h('dt', {}, name), h('dd', {}, this.#value, this.#note))
  }

  show(value: string, note: string, tone?: 'wait' | 'stop'): void {
    setText(this.#value, value)
    setText(this.#note, note)
    setAttribute(this.element, 'data-tone', tone)
  }
}

const NONE = '–'

/** The numbers at the top: of the last minute, with those of 15 minutes below. */
export class Figures {
  readonly #rate = new Figure('Jobs per second')
  readonly #answered = new Figure('Answered')
  readonly #active = new Figure('At a backend')
  readonly #waiting = new Figure('Waiting')

  constructor(container: Element) {
    const all = [this.#rate, this.#answered, this.#active, this.#waiting]
    container.append(...all.map(({ element }) => element))
  }

  update({ report, now, format }: Model): void {
    const { windows, waiting, active } = report
    const { minute, quarter } = windows
    this.#rate.show(format.rate(minute.rate), `${format.rate(quarter.rate)} in 15 min`)
    const bad = badOf(minute.fates)
    this.#answered.show(
      answeredOf(minute, format.share),
      bad > 0
        ? `${format.count(bad)} failed; ${answeredOf(quarter, format.share)} in 15 min`
        : `${answeredOf(quarter, format.share)} in 15 min`,
      bad > 0 ? 'stop' : undefined,
    )
    const { count, first } = waiting
    const [oldest] = first
    this.#active.show(format.count(Math.max(0, active - count)), 'now')
    this.#waiting.show(
      format.count(count),
      oldest === undefined ? 'now' : `now, for up to ${format.duration(Math.max(0, now - oldest.at))}`,
      count > 0 ? 'wait' : undefined,
    )
  }
}

function badOf({ failed, refused }: Fates): number {
  return failed + refused
}

/** The share of answered jobs. Neither a client that leaves nor a job that is at fault is a failure of the router. */
function answeredOf({ fates }: WindowView, share: (value: number) => string): string {
  const good = fates.answered + fates.rescued
  const counted = good + badOf(fates)
  return counted === 0 ? NONE : share(good / counted)
}
