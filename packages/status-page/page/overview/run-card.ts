import type { RunView } from '../../src/wire.ts'
import { h, setText } from '../dom.ts'
import type { Model } from '../model.ts'
import { runInWords } from '../run-words.ts'

/** The current run, or the last one. */
export class RunCard {
  readonly #title: Element
  readonly #head = h('p', { class: 'headline' })
  readonly #speed = h('p')
  readonly #rest = h('p')
  readonly #kinds = h('p', { class: 'note' })

  constructor(title: Element, container: Element) {
    this.#title = title
    container.append(this.#head, this.#speed, this.#rest, this.#kinds)
  }

  update(model: Model): void {
    const run: RunView | undefined = model.store.runs[0]
    const { queues, wall } = model.report
    const isRunning = run !== undefined && run.end === undefined
    setText(
      this.#title,
      isRunning ? 'Import in progress' : run === undefined ? 'No import yet' : 'Last import',
    )
    if (run === undefined) {
      this.#show('', '', '', 'Bulk work, such as an import, shows here as a run.')
      return
    }
    const { count, speed, rest, kinds } = runInWords(run, wall, model.format, queues !== undefined)
    this.#show(count, speed, rest, kinds)
  }

  #show(head: string, speed: string, rest: string, kinds: string): void {
    const texts = [head, speed, rest, kinds]
    for (const [i, element] of [this.#head, this.#speed, this.#rest, this.#kinds].entries()) {
      setText(element, texts[i] ?? '')
      element.hidden = texts[i] === ''
    }
  }
}
