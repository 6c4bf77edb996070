import { byId, setText } from './dom.ts'
import { remember, remembered } from './memory.ts'

export type Action = 'drain' | 'enable' | 'wake'

const KEY = 'immich-ml-router-token'

/** The result of each action, for the status line. */
const DONE: Readonly<Record<Action, string>> = {
  drain: 'gets no new requests',
  enable: 'gets requests again',
  wake: 'is being woken',
}

/** Drains, enables and wakes backends with the admin token, which it asks for. */
export class Actions {
  readonly #base: string
  readonly #onChange: () => void
  readonly #dialog = byId('token-dialog', HTMLDialogElement)
  readonly #input = byId('token-input', HTMLInputElement)
  readonly #error = byId('token-error', HTMLElement)
  readonly #result = byId('action-result', HTMLElement)
  /** The action that needs the token. */
  #pending: (() => void) | undefined

  /** @param onChange Called when the token is entered or forgotten. */
  constructor(base: string, onChange: () => void) {
    this.#base = base
    this.#onChange = onChange
    byId('token-form', HTMLFormElement).addEventListener('submit', () => {
      remember('session', KEY, this.#input.value)
      this.#onChange()
      this.#pending?.()
    })
    byId('token-cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close())
    this.#dialog.addEventListener('close', () => {
      this.#input.value = ''
    })
  }

  get hasToken(): boolean {
    return remembered('session', KEY) !== undefined
  }

  forget(): void {
    remember('session', KEY, undefined)
    this.#onChange()
  }

  async run(backend: string, action: Action): Promise<void> {
    const path = `backends/${encodeURIComponent(backend)}/${action}`
    try {
      const response = await this.post(path, `${action} ${backend}`, () => this.run(backend, action))
      if (response?.ok === true) this.#announce(`${backend} ${DONE[action]}.`)
      else if (response !== undefined) this.#announce(`${backend}: ${await detailOf(response)}`)
    } catch {
      this.#announce(`${backend}: the router did not answer. Check that it runs.`)
    }
  }

  /**
   * Posts with the token. Without one, or with a wrong one, it asks for it, and calls `again` when it is entered.
   *
   * @param purpose Follows "Enter the admin token of the router to".
   */
  async post(path: string, purpose: string, again: () => void): Promise<Response | undefined> {
    const token = remembered('session', KEY)
    if (token === undefined) {
      this.#ask(purpose, again, '')
      return undefined
    }
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${this.#base}/${path}`, { method: 'POST', headers })
    if (response.status !== 401) return response
    this.forget()
    this.#ask(purpose, again, 'Wrong token.')
    return undefined
  }

  #ask(purpose: string, again: () => void, error: string): void {
    this.#pending = again
    setText(byId('token-why', HTMLElement), `Enter the admin token of the router to ${purpose}.`)
    setText(this.#error, error)
    if (!this.#dialog.open) this.#dialog.showModal()
    this.#input.focus()
  }

  #announce(text: string): void {
    setText(this.#result, text)
  }
}

/** The message of an answer that is an error. */
export async function detailOf(response: Response): Promise<string> {
  try {
    const { detail }: { detail: unknown } = await response.json()
    return String(detail)
  } catch {
    return `the router answered ${response.status}.`
  }
}
