import type { TestView } from '../src/wire.ts'
import { type Actions, detailOf } from './actions.ts'
import { addressesFor } from './addresses.ts'
import { h, setText } from './dom.ts'
import type { Format } from './format.ts'
import { Sign } from './icons.ts'
import type { Model } from './model.ts'
import { attemptInWords, FATES, KINDS } from './words.ts'

/** Instructions, until the first request arrives. */
export class StartHere {
  readonly #container: HTMLElement
  readonly #addresses = h('ul', { class: 'addresses' })
  readonly #note = h('p', { class: 'note' })
  readonly #test: Test
  #shown = ''

  constructor(container: HTMLElement, actions: Actions) {
    this.#container = container
    this.#test = new Test(actions)
  }

  update({ report, store, format }: Model): void {
    const { setup } = report
    // A request that is in progress has found its way as well.
    const isNew = store.decisions.length === 0 && setup !== undefined
    this.#container.hidden = !isNew
    if (!isNew) return
    if (!this.#container.hasChildNodes()) this.#container.append(this.#card())
    this.#test.update(report.actions, format)
    const { urls, note } = addressesFor(setup, location)
    setText(this.#note, note)
    const shown = urls.join(' ')
    if (shown === this.#shown) return
    this.#shown = shown
    this.#addresses.replaceChildren(...urls.map(addressItem))
  }

  #card(): HTMLElement {
    return h(
      'div',
      { class: 'start' },
      h('h2', {}, 'No requests yet'),
      h('p', {}, 'In Immich, open Administration → Settings → Machine Learning and set the URL to:'),
      this.#addresses,
      this.#note,
      h('p', {}, 'Then search for something. The request appears here within a second.'),
      this.#test.element,
    )
  }
}

function addressItem(url: string): HTMLElement {
  const address = h('code', { class: 'address' }, url)
  const button = h('button', { type: 'button', 'aria-label': `Copy ${url}` }, 'Copy')
  const result = h('span', { class: 'note', role: 'status' })
  button.addEventListener('click', async () => {
    setText(result, (await copy(address)) ? 'Copied' : 'Selected: press Ctrl+C')
  })
  return h('li', {}, address, button, result)
}

/** Copies the text of an element, or selects it when the browser does not let the page copy. */
async function copy(element: HTMLElement): Promise<boolean> {
  try {
    // Over plain HTTP, browsers have no clipboard.
    await navigator.clipboard.writeText(element.textContent)
    return true
  } catch {
    getSelection()?.selectAllChildren(element)
    return document.execCommand('copy')
  }
}

/** Sends a text search and an image of the router's own. */
class Test {
  readonly #actions: Actions
  readonly #button = h('button', { type: 'button' }, 'Send a test search and a test image')
  readonly #why = h('p', { class: 'note' })
  readonly #state = h('p', { role: 'status' })
  readonly #results = h('ul', { class: 'results' })
  readonly element = h('div', { class: 'test' }, this.#button, this.#why, this.#state, this.#results)
  #format: Format | undefined

  constructor(actions: Actions) {
    this.#actions = actions
    this.#button.addEventListener('click', () => this.#run())
  }

  update(isAllowed: boolean, format: Format): void {
    this.#format = format
    this.#button.hidden = !isAllowed
    setText(
      this.#why,
      isAllowed
        ? 'The router handles them like requests from Immich: a sleeping backend is woken if its route wakes it, and an ML server may first download Immich’s default model. This page does not count them.'
        : 'With an admin token, the page can send a test search and a test image here.',
    )
  }

  async #run(): Promise<void> {
    this.#button.disabled = true
    setText(this.#state, 'Waiting for the backends, for at most 55 s…')
    this.#results.replaceChildren()
    try {
      const response = await this.#actions.post('test', 'send a test', () => this.#run())
      if (response?.ok === true) this.#show(await response.json())
      else setText(this.#state, response === undefined ? '' : await detailOf(response))
    } catch {
      setText(this.#state, 'The router did not answer. Check that it runs.')
    }
    this.#button.disabled = false
  }

  #show({ tests }: { readonly tests: readonly TestView[] }): void {
    const format = this.#format
    if (format === undefined) return
    setText(this.#state, summaryOf(tests))
    this.#results.replaceChildren(...tests.map((test) => resultItem(test, format)))
  }
}

function summaryOf(tests: readonly TestView[]): string {
  const isGood = tests.every(({ decision: { status, fate } }) => status === 200 && fate !== 'left')
  if (!isGood) return 'Not every test was answered:'
  const isFirst = tests.every(({ decision }) => decision.fate === 'answered')
  return isFirst ? 'Both were answered.' : 'Both were answered, but not at the first attempt:'
}

function resultItem(test: TestView, format: Format): HTMLElement {
  const { decision, explanation } = test
  const isRejected = decision.fate === 'answered' && (decision.status ?? 0) >= 400
  return h(
    'li',
    {},
    h(
      'p',
      { class: 'way' },
      new Sign(isRejected ? 'stop' : FATES[decision.fate].tone).element,
      h('span', {}, testInWords(test, format)),
    ),
    h('details', {}, h('summary', {}, 'Why'), h('pre', {}, explanation)),
  )
}

/** Job, route, attempts and time of a test. */
function testInWords({ job, decision }: TestView, format: Format): string {
  const { route, attempts, total, fate, error } = decision
  const steps = attempts.map(
    (attempt) => `${attempt.backend}: ${attemptInWords(attempt)} (${format.duration(attempt.time)})`,
  )
  const end =
    fate === 'left'
      ? 'No answer in 55 s. The ML server may be loading its model; try again.'
      : fate === 'answered' || fate === 'rescued'
        ? `Took ${format.duration(total)}.`
        : (error ?? `${FATES[fate].label}.`)
  return [`${KINDS[job]}: ${route === undefined ? 'no route' : `route ${route}`}`, ...steps, end].join(' · ')
}
