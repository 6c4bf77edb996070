import { Disclosure } from '../disclosure.ts'
import { h } from '../dom.ts'
import { marksIn, type Plotted } from './chart.ts'

let tables = 0

/** The values of plots as a table, for those that cannot use a drawing. It is filled only while it is open. */
export class DataTable {
  readonly #body = h('div', { class: 'scroll', id: `data-${++tables}`, tabindex: '0', role: 'region' })
  readonly #disclosure: Disclosure
  readonly element: HTMLElement
  #shown = ''

  /** @param name For example `Values of the last 15 minutes`. */
  constructor(name: string) {
    this.#body.setAttribute('aria-label', name)
    this.#disclosure = new Disclosure('Values as a table', this.#body, false)
    this.element = h('div', { class: 'data' }, this.#disclosure.button, this.#body)
  }

  /** @param plots Of the same timeline. */
  update(plots: readonly (readonly [title: string, Plotted])[]): void {
    const [first] = plots
    if (!this.#disclosure.isOpen || first === undefined) return
    const [, { timeline, format }] = first
    // The current bucket still changes; the others need no new table.
    const shown = `${timeline.starts.at(-1)} ${plots.map(([, { lines }]) => lines.length).join()}`
    if (shown === this.#shown) return
    this.#shown = shown
    const columns = plots.flatMap(([title, { lines }]) =>
      lines.map((line) => ({ name: `${title}: ${line.name}`, line })),
    )
    const rows = [...timeline.starts.entries()].reverse().flatMap(([i, start]) => {
      const marks = marksIn(timeline, i).map(({ text }) => text)
      const isEmpty = columns.every(({ line }) => (line.values[i] ?? 0) === 0)
      if (isEmpty && marks.length === 0) return []
      const time = timeline.step < 60_000 ? format.time(start) : format.clock(start)
      const cells = [...columns.map(({ line }) => line.at(i)), marks.join('; ')]
      return [h('tr', {}, h('th', { scope: 'row' }, time), ...cells.map((cell) => h('td', {}, cell)))]
    })
    const head = ['Time', ...columns.map(({ name }) => name), 'Events'].map((name) =>
      h('th', { scope: 'col' }, name),
    )
    this.#body.replaceChildren(
      h(
        'table',
        {},
        h('caption', { class: 'unseen' }, `The last ${timeline.name}, the latest first`),
        h('thead', {}, h('tr', {}, ...head)),
        h('tbody', {}, ...rows),
      ),
    )
  }
}
