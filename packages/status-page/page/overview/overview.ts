import { isNarrow } from '../disclosure.ts'
import { byId, h, List, setText, type View } from '../dom.ts'
import { Sign } from '../icons.ts'
import type { Model } from '../model.ts'
import { type Verdict, verdictsOf } from '../verdict.ts'
import { Busy } from './busy.ts'
import { Figures } from './figures.ts'
import { LatencyTable } from './latency-table.ts'
import { RunCard } from './run-card.ts'

/** Characters of a verdict that is shown smaller, so that it stays on two lines. */
const LONG = 70

/** The verdict and what answers at a glance: is the hardware used, what is slow, when is the import done. */
export class Overview {
  readonly #sign = new Sign('off')
  readonly #verdict = byId('verdict', HTMLElement)
  readonly #also = byId('also', HTMLElement)
  readonly #others = new List<Verdict>(
    this.#also,
    ({ text }) => text,
    () => new Problem(),
  )
  readonly #more = h('button', { type: 'button', class: 'more' })
  #isLong = false
  #model: Model | undefined
  readonly #parts = [
    new Figures(byId('figures', HTMLElement)),
    new RunCard(byId('run-title', HTMLElement), byId('run', HTMLElement)),
    new Busy(byId('busy', HTMLElement)),
    new LatencyTable(byId('latency', HTMLElement)),
  ]

  constructor() {
    byId('verdict-icon', HTMLElement).append(this.#sign.element)
    this.#also.after(this.#more)
    this.#more.addEventListener('click', () => {
      this.#isLong = !this.#isLong
      if (this.#model !== undefined) this.update(this.#model)
    })
  }

  update(model: Model): void {
    this.#model = model
    const [{ tone, text }, ...others] = verdictsOf(model.report)
    this.#sign.show(tone)
    setText(this.#verdict, text)
    this.#verdict.classList.toggle('long', text.length > LONG)
    this.#showOthers(others)
    document.title = `${text} – immich-ml-router`
    for (const part of this.#parts) part.update(model)
  }

  #showOthers(others: readonly Verdict[]): void {
    const most = isNarrow() ? 2 : 4
    const shown = this.#isLong ? others : others.slice(0, most)
    this.#others.update(shown)
    this.#also.hidden = others.length === 0
    this.#more.hidden = others.length <= most
    const rest = others.length - shown.length
    setText(
      this.#more,
      rest === 0 ? 'Show fewer problems' : `Show ${rest} more ${rest === 1 ? 'problem' : 'problems'}`,
    )
  }
}

/** A further problem, below the verdict. */
class Problem implements View<Verdict> {
  readonly #sign = new Sign('off')
  readonly #text = h('span')
  readonly element = h('li', {}, this.#sign.element, this.#text)

  update({ tone, text }: Verdict): void {
    this.#sign.show(tone)
    setText(this.#text, text)
  }
}
