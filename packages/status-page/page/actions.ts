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
    const token = remembered('session', KEY)
    if (token === undefined) {
      this.#ask(backend, action, '')
      return
    }
    try {
      const url = `${this.#base}/backends/${encodeURIComponent(backend)}/${action}`
      const response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      if (response.status === 401) {
        this.forget()
        this.#ask(backend, action, 'Wrong token.')
      } else if (response.ok) this.#announce(`${backend} ${DONE[action]}.`)
      else this.#announce(`${backend}: ${await detailOf(response)}`)
    } catch {
      this.#announce(`${backend}: the router did not answer. Check that it runs.`)
    }
  }

  #ask(backend: string, action: Action, error: string): void {
    this.#pending = () => this.run(backend, action)
    setText(byId('token-why', HTMLElement), `Enter the admin token of the router to ${action} ${backend}.`)
    setText(this.#error, error)
    if (!this.#dialog.open) this.#dialog.showModal()
    this.#input.focus()
  }

  #announce(text: string): void {
    setText(this.#result, text)
  }
}

async function detailOf(response: Response): Promise<string> {
  try {
    const { detail }: { detail: unknown } = await response.json()
    return String(detail)
  } catch {
    return `the router answered ${response.status}.`
  }
}
