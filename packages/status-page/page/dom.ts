type Child = Node | string
type Attributes = Readonly<Record<string, string>>

const SVG = 'http://www.w3.org/2000/svg'

/** Creates an element. Data becomes text and attributes, never markup: the content security policy forbids that. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Creates an SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Finds the element of the page with this id. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id)
  if (element instanceof type) return element
  throw new TypeError(`the page has no ${type.name} with the id ${id}`)
}

/** Sets a text that has changed. Setting the same text would lose a selection and make screen readers repeat it. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text
}

export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name)
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

/** Shows one item, and its changes. */
export interface View<T> {
  readonly element: Element
  update(item: T): void
}

/** Shows a list. Each item keeps its element across updates. */
export class List<T> {
  readonly #container: Element
  readonly #keyOf: (item: T) => string
  readonly #make: (item: T) => View<T>
  readonly #views = new Map<string, View<T>>()

  constructor(container: Element, keyOf: (item: T) => string, make: (item: T) => View<T>) {
    this.#container = container
    this.#keyOf = keyOf
    this.#make = make
  }

  update(items: readonly T[]): void {
    const keys = new Set(items.map(this.#keyOf))
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue
      view.element.remove()
      this.#views.delete(key)
    }
    let before = this.#container.firstElementChild
    for (const item of items) {
      const view = this.#viewOf(item)
      view.update(item)
      if (view.element === before) before = before.nextElementSibling
      else this.#container.insertBefore(view.element, before)
    }
  }

  #viewOf(item: T): View<T> {
    const key = this.#keyOf(item)
    const view = this.#views.get(key) ?? this.#make(item)
    this.#views.set(key, view)
    return view
  }
}
