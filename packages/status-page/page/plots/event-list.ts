import { h, List, setText, type View } from '../dom.ts'
import { Sign } from '../icons.ts'
import type { Model } from '../model.ts'
import type { PlotMark } from './chart.ts'

/** Events in the list, the latest. */
const MOST = 6

/** The latest events as a list, which screen readers read instead of the marks. */
export class EventList {
  readonly element = h('ol', { class: 'events', 'aria-label': 'Events, the latest first' })
  readonly #more = h('button', { type: 'button', class: 'more' })
  readonly #list = new List<{ readonly mark: PlotMark; readonly model: Model }>(
    this.element,
    ({ mark: { at, text } }) => `${at} ${text}`,
    () => new EventRow(),
  )
  #isLong = false
  #last: readonly [readonly PlotMark[], Model] | undefined

  constructor(container: Element) {
    container.append(this.element, this.#more)
    this.#more.addEventListener('click', () => {
      this.#isLong = !this.#isLong
      if (this.#last !== undefined) this.update(...this.#last)
    })
  }

  update(marks: readonly PlotMark[], model: Model): void {
    this.#last = [marks, model]
    const newest = marks.toReversed()
    const shown = this.#isLong ? newest : newest.slice(0, MOST)
    this.#list.update(shown.map((mark) => ({ mark, model })))
    this.element.hidden = marks.length === 0
    this.#more.hidden = marks.length <= MOST
    setText(this.#more, this.#isLong ? 'Show fewer' : `Show all ${model.format.count(marks.length)} events`)
  }
}

class EventRow implements View<{ readonly mark: PlotMark; readonly model: Model }> {
  readonly #time = h('time')
  readonly #text = h('span')
  readonly #sign = new Sign('off')
  readonly element = h('li', {}, this.#time, this.#sign.element, this.#text)

  update({ mark, model: { report, format } }: { readonly mark: PlotMark; readonly model: Model }): void {
    setText(this.#time, format.moment(mark.at, report.wall))
    this.#sign.show(mark.tone)
    setText(this.#text, mark.text)
  }
}
