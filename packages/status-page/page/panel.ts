import { Disclosure, isNarrow } from './disclosure.ts'
import { byId } from './dom.ts'

/** Makes the heading of a section a button that opens and closes it. On a narrow screen it starts closed. */
export function panel(id: string): void {
  const title = byId(`${id}-title`, HTMLElement)
  const body = byId(id, HTMLElement)
  const { button } = new Disclosure(title.textContent ?? '', body, !isNarrow())
  title.replaceChildren(button)
}
