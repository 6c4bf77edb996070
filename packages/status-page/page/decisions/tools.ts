import { Disclosure, isNarrow } from '../disclosure.ts'
import { h } from '../dom.ts'
import type { Model } from '../model.ts'
import { FATES, KINDS } from '../words.ts'
import { type Filter, fromFragment, type Order, type Outcome, toFragment } from './filter.ts'

type Choice = readonly [value: string, label: string]

const JOBS: readonly Choice[] = Object.entries(KINDS)
const OUTCOMES: readonly Choice[] = [
  ['problems', 'Problems'],
  ...Object.entries(FATES).map(([fate, { label }]): Choice => [fate, label]),
]
const ORDERS: readonly Choice[] = [
  ['newest', 'Newest first'],
  ['slowest', 'Slowest first'],
]

/** The lists that filter and sort the requests. Their values are kept in the page's address. */
export class FilterTools {
  readonly #job = new Select('Job', 'All jobs', JOBS)
  readonly #backend = new Select('Backend', 'All backends', [])
  readonly #route = new Select('Route', 'All routes', [])
  readonly #outcome = new Select('Outcome', 'All outcomes', OUTCOMES)
  readonly #order = new Select('Order', undefined, ORDERS)
  /** Values of the address that a list does not offer yet. */
  #wanted = fromFragment(location.hash)

  constructor(container: Element, onChange: () => void) {
    const lists = h('div', { class: 'filters', id: 'decisions-filters' })
    // The button shows on a phone only.
    container.append(new Disclosure('Filter', lists, !isNarrow() || this.#wanted.size > 0).button, lists)
    for (const select of this.#all.values()) {
      lists.append(select.element)
      select.element.addEventListener('change', () => {
        this.#wanted = new Map()
        const fragment = toFragment(this.filter)
        history.replaceState(undefined, '', fragment === '' ? location.pathname : `#${fragment}`)
        onChange()
      })
    }
    this.#restore()
  }

  get #all(): ReadonlyMap<keyof Filter, Select> {
    return new Map<keyof Filter, Select>([
      ['job', this.#job],
      ['backend', this.#backend],
      ['route', this.#route],
      ['outcome', this.#outcome],
      ['order', this.#order],
    ])
  }

  get filter(): Filter {
    return {
      job: keyIn(KINDS, this.#job.value),
      backend: this.#backend.value,
      route: this.#route.value,
      outcome: this.#outcome.value === 'problems' ? 'problems' : outcomeOf(this.#outcome.value),
      order: orderOf(this.#order.value),
    }
  }

  /** Offers the backends and routes of the report. */
  update({ report }: Model): void {
    const names = new Set(report.backends.map(({ name }) => name))
    this.#backend.offer([...names].map((name) => [name, name]))
    this.#route.offer(report.routes.map(({ name }) => [name, name]))
    this.#restore()
  }

  #restore(): void {
    if (this.#wanted.size === 0) return
    const rest = new Map(this.#wanted)
    for (const [key, select] of this.#all) {
      const value = rest.get(key)
      if (value !== undefined && select.choose(value)) rest.delete(key)
    }
    this.#wanted = rest
  }
}

function keyIn<K extends string>(
  table: Readonly<Record<K, unknown>>,
  value: string | undefined,
): K | undefined {
  const isKey = (key: string | undefined): key is K => key !== undefined && Object.hasOwn(table, key)
  return isKey(value) ? value : undefined
}

const outcomeOf = (value: string | undefined): Outcome | undefined => keyIn(FATES, value)
const orderOf = (value: string | undefined): Order => (value === 'slowest' ? 'slowest' : 'newest')

/** A list of choices. */
class Select {
  readonly element: HTMLSelectElement
  readonly #all: string | undefined
  #offered = ''

  /** @param all The first choice, which chooses nothing. */
  constructor(label: string, all: string | undefined, choices: readonly Choice[]) {
    this.#all = all
    this.element = h('select', { 'aria-label': label })
    this.offer(choices)
  }

  get value(): string | undefined {
    return this.element.value === '' ? undefined : this.element.value
  }

  /** @returns Whether it has this choice. */
  choose(value: string): boolean {
    const has = [...this.element.options].some((option) => option.value === value)
    if (has) this.element.value = value
    return has
  }

  /** Sets the choices. A chosen one that is not offered any more is cleared. */
  offer(choices: readonly Choice[]): void {
    const offered = JSON.stringify(choices)
    if (offered === this.#offered) return
    this.#offered = offered
    const chosen = this.element.value
    const all: readonly Choice[] = this.#all === undefined ? [] : [['', this.#all]]
    this.element.replaceChildren(...[...all, ...choices].map(([value, text]) => h('option', { value }, text)))
    this.choose(chosen)
  }
}
