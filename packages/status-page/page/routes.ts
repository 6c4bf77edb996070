import type { RouteView, RouteWindow } from '../src/wire.ts'
import { h, List, setAttribute, setText, type View } from './dom.ts'
import type { Format } from './format.ts'
import type { Model } from './model.ts'

interface Row {
  readonly route: RouteView
  readonly format: Format
}

/** The routes in the words of `immich-ml-router check`, with their traffic. */
export class Routes {
  readonly #list: List<Row>

  constructor(container: Element) {
    const list = h('ol', { class: 'routes' })
    container.append(list)
    this.#list = new List(
      list,
      ({ route }) => route.name,
      () => new RouteRow(),
    )
  }

  update({ report, format }: Model): void {
    this.#list.update(report.routes.map((route) => ({ route, format })))
  }
}

class RouteRow implements View<Row> {
  readonly #name = h('h3')
  readonly #traffic = h('p', { class: 'traffic' })
  readonly #quarter = h('small')
  readonly #minute = h('span')
  readonly #words = h('p')
  readonly #details = h('p', { class: 'note' })
  readonly element = h('li', {}, this.#name, this.#traffic, this.#words, this.#details)

  constructor() {
    this.#traffic.append(this.#minute, ' ', this.#quarter)
  }

  update({ route, format }: Row): void {
    const { name, words, details, minute, quarter } = route
    setText(this.#name, name)
    setText(this.#words, words)
    setText(this.#details, details.join('; '))
    this.#details.hidden = details.length === 0
    setText(this.#minute, `${trafficOf(minute, format)} in the last minute ·`)
    setText(this.#quarter, `${trafficOf(quarter, format)} in 15 min`)
    setAttribute(this.#minute, 'data-tone', minute.failed > 0 ? 'stop' : undefined)
  }
}

function trafficOf({ jobs, failed }: RouteWindow, format: Format): string {
  const count = `${format.count(jobs)} ${jobs === 1 ? 'job' : 'jobs'}`
  return failed === 0 ? count : `${count}, ${format.count(failed)} failed`
}
