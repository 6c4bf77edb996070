import type { DecisionView } from '../src/wire.ts'
import { detailsOf } from './decision-details.ts'
import { byId, h, List, setText, type View } from './dom.ts'
import { Sign } from './icons.ts'
import type { Model } from './model.ts'
import { timelineOf } from './timeline.ts'
import { FATES, jobInWords, wayOf } from './words.ts'

interface Row {
  readonly decision: DecisionView
  readonly model: Model
}

/** The last requests, newest first. The list pauses while one is open, or by its button. */
export class Decisions {
  readonly #list: List<Row>
  readonly #container = byId('decisions', HTMLElement)
  readonly #note = byId('decisions-note', HTMLElement)
  readonly #pause = h('button', { type: 'button' }, 'Pause')
  readonly #trouble = h('input', { type: 'checkbox' })
  /** The requests that pass the filter; not the newest ones while the list is paused. */
  #fitting: readonly DecisionView[] = []
  #isFiltered = false
  /** Id of the newest request in the list. */
  #upTo = 0
  #isPaused = false
  #isLong = false
  readonly #more = h('button', { type: 'button', class: 'more' })
  #model: Model | undefined

  constructor() {
    this.#list = new List(
      this.#container,
      ({ decision }) => String(decision.id),
      ({ decision, model }) => new RowView(decision, model),
    )
    byId('decisions-tools', HTMLElement).append(h('label', {}, this.#trouble, ' Only problems'), this.#pause)
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
    this.#trouble.addEventListener('change', () => this.#refresh())
    this.#container.addEventListener('toggle', () => this.#refresh(), true)
  }

  update(model: Model): void {
    this.#model = model
    this.#refresh()
  }

  get #isStill(): boolean {
    return this.#isPaused || this.#container.querySelector('details[open]') !== null
  }

  #refresh(): void {
    const model = this.#model
    if (model === undefined) return
    const { decisions, troubles } = model.store
    const newest = decisions[0]?.id ?? 0
    const isStill = this.#isStill
    if (!isStill) this.#upTo = newest
    const isFiltered = this.#trouble.checked
    // An open request stays in the list, even when the server has dropped it.
    if (!isStill || isFiltered !== this.#isFiltered) this.#fitting = isFiltered ? troubles : decisions
    this.#isFiltered = isFiltered
    const fitting = this.#fitting.filter(({ id }) => id <= this.#upTo)
    const shown = this.#isLong ? fitting : fitting.slice(0, FIRST)
    this.#list.update(shown.map((decision) => ({ decision, model })))
    const { count } = model.format
    setText(this.#pause, isStill ? `Resume (${count(newest - this.#upTo)} newer)` : 'Pause')
    setText(this.#note, noteOf(decisions.length, fitting.length, isFiltered, model))
    this.#more.hidden = fitting.length <= FIRST
    setText(this.#more, this.#isLong ? 'Show fewer' : `Show all ${count(fitting.length)}`)
  }
}

/** Requests in the list until "Show all" is pressed. */
const FIRST = 25

function noteOf(known: number, shown: number, isFiltered: boolean, { store, format }: Model): string {
  if (isFiltered && shown === 0) return 'No problems.'
  if (known === 0) return 'Completed requests appear here.'
  if (shown === 1) return '1 request'
  const most = isFiltered ? store.limits.troubles : store.limits.decisions
  return shown < most ? `${format.count(shown)} requests` : `The last ${format.count(shown)} requests`
}

/** One completed request, which never changes. Its details are made when it is opened. */
class RowView implements View<Row> {
  readonly #details = h('details')
  readonly element = h('li', {}, this.#details)

  constructor(decision: DecisionView, { wallOf, format }: Model) {
    const { fate, job, total, at } = decision
    const { label, tone } = FATES[fate]
    const { name, models } = jobInWords(job)
    const fateText = h('span', { class: 'fate' }, new Sign(tone).element, h('span', {}, label))
    this.element.dataset['fate'] = fate
    this.#details.append(
      h(
        'summary',
        {},
        h('time', {}, format.time(wallOf(at + total))),
        fateText,
        h('span', { class: 'job' }, name, ' ', h('small', {}, models)),
        h('span', { class: 'way' }, wayOf(decision)),
        timelineOf(decision),
        h('span', { class: 'total' }, format.duration(total)),
      ),
    )
    this.#details.addEventListener('toggle', () => {
      if (this.#details.childElementCount === 1) this.#details.append(detailsOf(decision, format))
    })
  }

  update(): void {}
}
