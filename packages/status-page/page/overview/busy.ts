import { h, List, setAttribute, setText, type View } from '../dom.ts'
import type { Group } from '../groups.ts'
import { groupsOf } from '../groups.ts'
import type { Model } from '../model.ts'
import { STATES, UNAVAILABLE } from '../words.ts'

/** Backends in the card; the list below has all. */
const MOST = 5

interface Row {
  readonly group: Group
  readonly model: Model
}

/** How much of the time each backend had work: the busiest ones of the last minute. */
export class Busy {
  readonly #body = h('tbody')
  readonly #more = h('p', { class: 'note' })
  readonly #list = new List<Row>(
    this.#body,
    ({ group }) => group.name,
    () => new BusyRow(),
  )

  constructor(container: Element) {
    const head = ['Backend', 'last minute', '15 min'].map((text) => h('th', { scope: 'col' }, text))
    const table = h('table', { class: 'table busy' }, h('thead', {}, h('tr', {}, ...head)), this.#body)
    container.append(table, this.#more)
  }

  update(model: Model): void {
    const groups = groupsOf(model.report.backends)
    const busyOf = ({ members: [first] }: Group) => first.minute.busy
    const shown =
      groups.length <= MOST ? groups : groups.toSorted((a, b) => busyOf(b) - busyOf(a)).slice(0, MOST)
    this.#list.update(shown.map((group) => ({ group, model })))
    const rest = groups.length - shown.length
    this.#more.hidden = rest === 0
    const mean = groups.reduce((sum, group) => sum + busyOf(group), 0) / Math.max(1, groups.length)
    setText(
      this.#more,
      `The busiest ${MOST} of ${model.format.count(groups.length)}; the mean is ${model.format.share(mean)}.`,
    )
  }
}

class BusyRow implements View<Row> {
  readonly #name = h('th', { scope: 'row' })
  readonly #fill = h('b')
  readonly #value = h('span', { class: 'amount' })
  readonly #quarter = h('td', { class: 'aside' })
  readonly element = h(
    'tr',
    {},
    this.#name,
    h('td', {}, h('span', { class: 'gauge', 'aria-hidden': 'true' }, this.#fill), this.#value),
    this.#quarter,
  )

  update({ group, model: { format } }: Row): void {
    const [{ minute, quarter }] = group.members
    const isAway = UNAVAILABLE.has(group.state)
    setText(this.#name, group.name)
    setAttribute(this.element, 'data-tone', isAway ? STATES[group.state].tone : undefined)
    this.#fill.style.inlineSize = `${isAway ? 0 : Math.min(100, 100 * minute.busy)}%`
    setText(this.#value, isAway ? STATES[group.state].label.toLowerCase() : format.share(minute.busy))
    setText(this.#quarter, format.share(quarter.busy))
  }
}
