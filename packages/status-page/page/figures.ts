import type { LatencyView } from '../src/wire.ts'
import { h, setAttribute, setText } from './dom.ts'
import type { Format } from './format.ts'
import type { Model } from './model.ts'
import { KINDS } from './words.ts'

/** One number with its name and a note. */
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

/** The numbers at the top of the page. */
export class Figures {
  readonly #rate = new Figure('Requests per second')
  readonly #answered = new Figure('Answered')
  readonly #search = new Figure(KINDS.search)
  readonly #indexing = new Figure(KINDS.indexing)
  readonly #active = new Figure('Active')
  readonly #waiting = new Figure('Waiting')

  constructor(container: Element) {
    const all = [this.#rate, this.#answered, this.#search, this.#indexing, this.#active, this.#waiting]
    container.append(...all.map(({ element }) => element))
  }

  update({ report, now, format }: Model): void {
    const { windows, waiting, active } = report
    const { rate, fates, latencies } = windows.minute
    const { answered, rescued, failed, refused, left } = fates
    // A client that leaves is no failure of the router.
    const counted = answered + rescued + failed + refused
    const total = counted + left
    this.#rate.show(format.rate(rate), 'in the last minute')
    const bad = failed + refused
    this.#answered.show(
      counted === 0 ? NONE : format.share((answered + rescued) / counted),
      total === 0
        ? 'none yet'
        : bad === 0
          ? `of ${format.count(total)}`
          : `${format.count(bad)} of ${format.count(total)} failed`,
      bad > 0 ? 'stop' : undefined,
    )
    showLatency(this.#search, latencies.search, format)
    showLatency(this.#indexing, latencies.indexing, format)
    const { count, first } = waiting
    const [oldest] = first
    this.#active.show(format.count(active), `${format.count(Math.max(0, active - count))} with a backend`)
    this.#waiting.show(
      format.count(count),
      oldest === undefined ? 'none' : `for up to ${format.duration(Math.max(0, now - oldest.at))}`,
      count > 0 ? 'wait' : undefined,
    )
  }
}

function showLatency(figure: Figure, latency: LatencyView | undefined, format: Format): void {
  if (latency === undefined) figure.show(NONE, 'none yet')
  else
    figure.show(format.duration(latency.p50), `${format.share(0.95)} within ${format.duration(latency.p95)}`)
}
