import type { RunView } from '../src/wire.ts'
import { h, List, setAttribute, setText, type View } from './dom.ts'
import type { Model } from './model.ts'
import { busyOf, kindsOf, unitOf } from './run-words.ts'

interface Row {
  readonly run: RunView
  readonly model: Model
}

/** The current run and the last ones, the latest first. */
export class Runs {
  readonly #none = h(
    'p',
    { class: 'note' },
    'No runs yet. Consecutive bulk work, such as an import, is a run.',
  )
  readonly #body = h('tbody')
  readonly #table = h(
    'table',
    { class: 'table runs' },
    h('caption', { class: 'unseen' }, 'Runs, the latest first'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ...['Start', 'Duration', 'Jobs', 'Failed', 'Busy'].map((text) => h('th', { scope: 'col' }, text)),
      ),
    ),
    this.#body,
  )
  readonly #list = new List<Row>(
    this.#body,
    ({ run }) => String(run.start),
    () => new RunRow(),
  )

  constructor(container: Element) {
    container.append(this.#none, this.#table)
  }

  update(model: Model): void {
    const runs = model.store.runs
    this.#none.hidden = runs.length > 0
    this.#table.hidden = runs.length === 0
    this.#list.update(runs.map((run) => ({ run, model })))
  }
}

class RunRow implements View<Row> {
  readonly #start = h('th', { scope: 'row' })
  readonly #time = h('td')
  readonly #jobs = h('span')
  readonly #kinds = h('small')
  readonly #failed = h('td')
  readonly #busy = h('td')
  readonly element = h(
    'tr',
    {},
    this.#start,
    this.#time,
    h('td', {}, this.#jobs, ' ', this.#kinds),
    this.#failed,
    this.#busy,
  )

  update({ run, model }: Row): void {
    const { format, report, now, wallOf } = model
    const { start, end, jobs, rate, failures } = run
    setText(this.#start, format.moment(start, report.wall))
    const duration = format.duration((end ?? wallOf(now)) - start)
    setText(this.#time, end === undefined ? `${duration} so far` : duration)
    setText(this.#jobs, `${format.count(jobs)} ${unitOf(run)}, ${format.rate(rate)}/s`)
    setText(this.#kinds, kindsOf(run, format))
    setText(this.#failed, format.count(failures))
    setAttribute(this.#failed, 'data-tone', failures > 0 ? 'stop' : undefined)
    setText(this.#busy, busyOf(run, format).slice(0, 2).join(', '))
  }
}
