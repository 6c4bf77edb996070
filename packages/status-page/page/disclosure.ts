import { h, setAttribute } from './dom.ts'

/** A title that is a button, and opens and closes what belongs to it. */
export class Disclosure {
  readonly button: HTMLButtonElement
  readonly #body: HTMLElement
  #isOpen: boolean
  /** Whether a user chose the state, so that it no longer follows the default. */
  #isChosen = false

  constructor(title: string, body: HTMLElement, isOpen: boolean) {
    this.#body = body
    this.#isOpen = isOpen
    this.button = h('button', { type: 'button', class: 'disclosure', 'aria-controls': body.id }, title)
    this.button.addEventListener('click', () => {
      this.#isChosen = true
      this.#show(!this.#isOpen)
    })
    this.#show(isOpen)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Opens or closes it, unless a user chose otherwise. */
  suggest(isOpen: boolean): void {
    if (!this.#isChosen && isOpen !== this.#isOpen) this.#show(isOpen)
  }

  #show(isOpen: boolean): void {
    this.#isOpen = isOpen
    this.#body.hidden = !isOpen
    setAttribute(this.button, 'aria-expanded', String(isOpen))
  }
}

/** Whether the screen is narrow: then sections are closed at first. */
export const isNarrow = (): boolean => matchMedia('(max-width: 45.99rem)').matches
