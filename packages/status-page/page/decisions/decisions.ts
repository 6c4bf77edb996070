import type { DecisionView } from '../../src/wire.ts'
import { isNarrow } from '../disclosure.ts'
import { byId, h, List, setText } from '../dom.ts'
import type { Model } from '../model.ts'
import { type Filter, filtered, isFiltered } from './filter.ts'
import { type Row, RowView } from './row.ts'
import { TimeScale } from './time-scale.ts'
import { FilterTools } from './tools.ts'

/** Requests in the list until "Show all" is pressed, on a wide screen and on a phone. */
const FIRST = 25
const FIRST_ON_PHONE = 5

/** The last requests, newest or slowest first. The list pauses while one is open, or by its button. */
export class Decisions {
  readonly #list: List<Row>
  readonly #container = byId('decisions', HTMLElement)
  readonly #note = byId('decisions-note', HTMLElement)
  readonly #result = byId('decisions-result', HTMLElement)
  readonly #axis = byId('decisions-axis', HTMLElement)
  readonly #pause = h('button', { type: 'button' }, 'Pause')
  readonly #more = h('button', { type: 'button', class: 'more' })
  readonly #tools: FilterTools
  /** The requests that pass the filter; not the newest ones while the list is paused. */
  #fitting: readonly DecisionView[] = []
  #filter: Filter | undefined
  /** Id of the newest request in the list. */
  #upTo = 0
  #isPaused = false
  #isLong = false
  #scaleEnd = 0
  #model: Model | undefined

  constructor() {
    this.#list = new List(
      this.#container,
      ({ decision }) => String(decision.id),
      (row) => new RowView(row),
    )
    const tools = byId('decisions-tools', HTMLElement)
    this.#tools = new FilterTools(tools, () => {
      this.#refresh()
      // Only a change by the user is announced, not every new request.
      setText(this.#result, this.#note.textContent ?? '')
    })
    tools.append(this.#pause)
    this.#pause.addEventListener('click', () => {
      this.#isPaused = !this.#isStill
      if (!this.#isPaused)
        for (const open of this.#container.querySelectorAll('details[open]')) open.removeAttribute('open')
      this.#refresh()
    })
    this.#container.after(this.#more)
    this.#more.addEventListener('click', () => {
      this.#isLong = !this.#isLong
      this.#refresh()
    })
    this.#container.addEventListener('toggle', () => this.#refresh(), true)
  }

  update(model: Model): void {
    this.#model = model
    this.#tools.update(model)
    this.#refresh()
  }

  get #isStill(): boolean {
    return this.#isPaused || this.#container.querySelector('details[open]') !== null
  }

  #refresh(): void {
    const model = this.#model
    if (model === undefined) return
    const { store, format } = model
    const newest = store.decisions[0]?.id ?? 0
    const isStill = this.#isStill
    if (!isStill) this.#upTo = newest
    const { filter } = this.#tools
    // An open request stays in the list, even when the server has dropped it.
    if (!isStill || !isSame(filter, this.#filter)) this.#fitting = filtered(sourceOf(model, filter), filter)
    this.#filter = filter
    const fitting = this.#fitting.filter(({ id }) => id <= this.#upTo)
    const first = isNarrow() ? FIRST_ON_PHONE : FIRST
    const shown = this.#isLong ? fitting : fitting.slice(0, first)
    const scale = new TimeScale(Math.max(0, ...store.decisions.map(({ total }) => total)))
    this.#list.update(shown.map((decision) => ({ decision, model, scale })))
    this.#showAxis(scale, model)
    setText(this.#pause, isStill ? `Resume (${format.count(newest - this.#upTo)} newer)` : 'Pause')
    setText(this.#note, noteOf(store.decisions.length, fitting.length, filter, model))
    this.#more.hidden = fitting.length <= first
    setText(this.#more, this.#isLong ? 'Show fewer' : `Show all ${format.count(fitting.length)}`)
  }

  /** The labels of the shared time scale. */
  #showAxis(scale: TimeScale, { format }: Model): void {
    if (scale.end === this.#scaleEnd) return
    this.#scaleEnd = scale.end
    const labels = scale.ticks.map((tick) => {
      const label = h('span', {}, format.duration(tick))
      label.style.insetInlineStart = `${scale.at(tick)}%`
      return label
    })
    this.#axis.replaceChildren(...labels)
  }
}

/** A filter also finds older problems, which are kept for longer than answered requests. */
function sourceOf({ store: { decisions, troubles } }: Model, filter: Filter): readonly DecisionView[] {
  if (!isFiltered(filter)) return decisions
  const oldest = decisions.at(-1)?.id ?? 0
  return [...decisions, ...troubles.filter(({ id }) => id < oldest)]
}

function isSame(a: Filter, b: Filter | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function noteOf(known: number, shown: number, filter: Filter, { store, format }: Model): string {
  if (shown === 0 && filter.outcome === 'problems') return 'No problems.'
  if (known === 0) return 'Completed requests appear here.'
  if (isFiltered(filter)) return shown === 1 ? '1 request fits' : `${format.count(shown)} requests fit`
  if (shown === 1) return '1 request'
  return shown < store.limits.decisions
    ? `${format.count(shown)} requests`
    : `The last ${format.count(shown)} requests`
}
