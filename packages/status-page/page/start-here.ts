import { h } from './dom.ts'
import type { Model } from './model.ts'

/** Instructions, until the first request arrives. */
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
        h('h2', {}, 'No requests yet'),
        h('p', {}, 'In Immich, open Administration → Settings → Machine Learning and set the URL to:'),
        h('p', {}, h('code', { class: 'address' }, routerUrl())),
        h('p', {}, 'Then search for something. The request appears here within a second.'),
      ),
    )
  }
}

/** The URL of the router: that of this page without its path. */
function routerUrl(): string {
  const { origin, pathname } = location
  return origin + pathname.replace(/\/+$/, '').replace(/\/_router$/, '')
}
