import type { BackendView } from '../../src/wire.ts'
import { h, setText, type View } from '../dom.ts'
import type { Format } from '../format.ts'
import { Sign } from '../icons.ts'
import { healthInWords, STATES } from '../words.ts'
import { Load } from './load.ts'

export interface Endpoint {
  readonly backend: BackendView
  readonly now: number
  readonly format: Format
}

/** One address of a backend. */
export class EndpointView implements View<Endpoint> {
  readonly #sign = new Sign('off')
  readonly #address = h('code')
  readonly #state = h('span', { class: 'state' })
  readonly #why = h('small')
  readonly #load = new Load()
  readonly element = h(
    'li',
    {},
    h('p', { class: 'health' }, this.#sign.element, this.#address, ' ', this.#state),
    this.#load.element,
    this.#why,
  )

  update({ backend, now, format }: Endpoint): void {
    const { label, tone } = STATES[backend.health.state]
    this.#sign.show(tone)
    setText(this.#address, backend.endpoint ?? '')
    setText(this.#state, label)
    this.#load.update([backend], format)
    setText(this.#why, healthInWords(backend, now, format))
    this.#why.hidden = this.#why.textContent === ''
  }
}
