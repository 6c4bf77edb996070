import { h } from './dom.ts'
import type { Model } from './model.ts'

/** What to do while no request has ever come. */
export class StartHere {
  readonly #container: HTMLElement

  constructor(container: HTMLElement) {
    this.#container = container
  }

  update({ report, store }: Model): void {
    const isNew = store.decisions.length === 0 && report.active === 0
    this.#container.hidden = !isNew
    if (!isNew || this.#container.hasChildNodes()) return
    this.#container.append(
      h(
        'div',
        { class: 'start' },
        h('h2', {}, 'No request has come yet'),
        h('p', {}, 'In Immich, under Administration, Settings, Machine Learning, make this the URL:'),
        h('p', {}, h('code', { class: 'address' }, routerUrl())),
        h('p', {}, 'Then search for something. It will be here within a second.'),
      ),
    )
  }
}

/** The router is where this page is, unless something in between says otherwise. */
function routerUrl(): string {
  const { origin, pathname } = location
  return origin + pathname.replace(/\/+$/, '').replace(/\/_router$/, '')
}
