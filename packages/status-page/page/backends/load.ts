import type { BackendView } from '../../src/wire.ts'
import { h, setText } from '../dom.ts'
import type { Format } from '../format.ts'

/** The largest limit that is drawn as squares; a larger one is a bar. */
const MOST_SLOTS = 16

/** Requests in flight, and the concurrency limit. */
export class Load {
  readonly #slots = h('span', { class: 'slots', 'aria-hidden': 'true' })
  readonly #text = h('span')
  readonly element = h('p', { class: 'load' }, this.#slots, this.#text)
  #shape = ''

  /** @param history The former limit, for example `limit 3 until 12:22`. */
  update(members: readonly BackendView[], format: Format, history = ''): void {
    const inFlight = members.reduce((sum, member) => sum + member.inFlight, 0)
    const limits = members.map(({ limit }) => limit ?? Number.POSITIVE_INFINITY)
    const limit = limits.reduce((sum, each) => sum + each, 0)
    const isLimited = Number.isFinite(limit)
    const count = format.count(inFlight)
    const text = isLimited ? `${count} of ${format.count(limit)} in flight` : `${count} in flight, no limit`
    setText(this.#text, history === '' ? text : `${text}; ${history}`)
    this.#draw(inFlight, isLimited ? limit : undefined)
  }

  #draw(inFlight: number, limit: number | undefined): void {
    const shape = `${inFlight}/${limit}`
    if (shape === this.#shape) return
    this.#shape = shape
    // An urgent search may exceed the limit.
    const slots = Math.max(limit ?? 0, inFlight)
    // Without a limit, a bar has no full length.
    if (slots > MOST_SLOTS && limit === undefined) {
      this.#slots.replaceChildren()
      return
    }
    if (slots <= MOST_SLOTS) {
      this.#slots.replaceChildren(
        ...Array.from({ length: slots }, (_, i) => {
          const slot = h('i')
          if (i < inFlight) slot.className = limit !== undefined && i >= limit ? 'used beyond' : 'used'
          return slot
        }),
      )
      return
    }
    const bar = h('b')
    bar.style.inlineSize = `${(100 * inFlight) / slots}%`
    this.#slots.replaceChildren(h('span', { class: 'bar' }, bar))
  }
}
