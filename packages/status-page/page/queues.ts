import type { QueueView } from '../src/wire.ts'
import { h, List, setText, type View } from './dom.ts'
import type { Model } from './model.ts'
import { lineOf, problemOf } from './queue-words.ts'

interface Line {
  readonly queue: QueueView
  readonly text: string
}

/** What is left to do in Immich, a line for each queue. */
export class Queues {
  readonly #section: HTMLElement
  readonly #problem = h('p', { class: 'note' })
  readonly #list = h('ul', { class: 'queues' })
  readonly #lines = new List<Line>(
    this.#list,
    ({ queue }) => queue.name,
    () => new LineView(),
  )

  /** @param section Hidden without Immich. */
  constructor(section: HTMLElement) {
    this.#section = section
    section.append(this.#problem, this.#list)
  }

  update({ report: { queues }, now, wallOf, format }: Model): void {
    this.#section.hidden = queues === undefined
    if (queues === undefined) return
    setText(this.#problem, problemOf(queues))
    this.#lines.update(queues.queues.map((queue) => ({ queue, text: lineOf(queue, wallOf(now), format) })))
  }
}

class LineView implements View<Line> {
  readonly element = h('li')

  update({ text }: Line): void {
    setText(this.element, text)
  }
}
