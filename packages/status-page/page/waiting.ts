import type { WaiterView } from '../src/wire.ts'
import { h, List, setText, type View } from './dom.ts'
import type { Format } from './format.ts'
import type { Model } from './model.ts'
import { jobInWords, waitInWords } from './words.ts'

interface Row {
  readonly place: number
  readonly waiter: WaiterView
  readonly age: number
  readonly format: Format
}

/** The waiting requests, oldest first. */
export class Waiting {
  readonly #note = h('p', { class: 'note' })
  readonly #body = h('tbody')
  readonly #rows = new List<Row>(
    this.#body,
    ({ place }) => String(place),
    () => new RowView(),
  )
  readonly #table = h(
    'table',
    { class: 'waiters' },
    h('caption', { class: 'unseen' }, 'Waiting requests, oldest first'),
    h(
      'thead',
      {},
      h('tr', {}, ...['Age', 'Job', 'Route', 'State'].map((text) => h('th', { scope: 'col' }, text))),
    ),
    this.#body,
  )

  readonly #more = h('button', { type: 'button', class: 'more' })
  #isLong = false
  #model: Model | undefined

  constructor(container: Element) {
    container.append(this.#note, this.#table, this.#more)
    this.#more.addEventListener('click', () => {
      this.#isLong = !this.#isLong
      if (this.#model !== undefined) this.update(this.#model)
    })
  }

  update(model: Model): void {
    this.#model = model
    const { report, now, format } = model
    const { count, first } = report.waiting
    const shown = this.#isLong ? first : first.slice(0, FIRST)
    setText(this.#note, noteOf(count, shown.length, format))
    this.#table.hidden = first.length === 0
    this.#rows.update(shown.map((waiter, place) => ({ place, waiter, age: now - waiter.at, format })))
    this.#more.hidden = first.length <= FIRST
    setText(this.#more, this.#isLong ? 'Show fewer' : `Show ${format.count(first.length)}`)
  }
}

/** Requests in the table until "Show" is pressed. */
const FIRST = 6

function noteOf(count: number, shown: number, format: Format): string {
  if (count === 0) return 'No requests are waiting.'
  return count > shown ? `The first ${format.count(shown)} of ${format.count(count)} requests` : ''
}

class RowView implements View<Row> {
  readonly #age = h('td', { class: 'age' })
  readonly #job = h('span')
  readonly #models = h('small')
  readonly #route = h('span')
  readonly #client = h('small')
  readonly #reason = h('td')
  readonly element = h(
    'tr',
    {},
    this.#age,
    h('td', {}, this.#job, ' ', this.#models),
    h('td', {}, this.#route, ' ', this.#client),
    this.#reason,
  )

  update({ waiter, age, format }: Row): void {
    const { name, models } = jobInWords(waiter.job)
    setText(this.#age, format.duration(Math.max(0, age)))
    setText(this.#job, name)
    setText(this.#models, models)
    setText(this.#route, waiter.route)
    setText(this.#client, waiter.client === undefined ? '' : `from ${waiter.client}`)
    setText(this.#reason, waitInWords(waiter))
  }
}
