import { byId, setText } from './dom.ts'
import { remember, remembered } from './memory.ts'

export type Action = 'drain' | 'enable' | 'wake'

const KEY = 'immich-ml-router-token'

/** What was done, to be read out. */
const DONE: Readonly<Record<Action, string>> = {
  drain: 'gets nothing more',
  enable: 'gets requests again',
  wake: 'was sent the sign to wake up',
}

/** Drains, enables and wakes backends, for somebody who has the admin token. */
export class Actions {
  readonly #base: string
  readonly #onChange: () => void
  readonly #dialog = byId('token-dialog', HTMLDialogElement)
  readonly #input = byId('token-input', HTMLInputElement)
  readonly #error = byId('token-error', HTMLElement)
  readonly #result = byId('action-result', HTMLElement)
  /** What the token is asked for. */
  #pending: (() => void) | undefined

  /** @param onChange Called when the token is known, or forgotten. */
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
        this.#ask(backend, action, 'This token was refused.')
      } else if (response.ok) this.#say(`${backend} ${DONE[action]}.`)
      else this.#say(`${backend}: ${await detailOf(response)}`)
    } catch {
      this.#say(`${backend}: the router did not answer.`)
    }
  }

  #ask(backend: string, action: Action, error: string): void {
    this.#pending = () => this.run(backend, action)
    setText(
      byId('token-why', HTMLElement),
      `To ${action} ${backend}, the router wants the token it was started with.`,
    )
    setText(this.#error, error)
    if (!this.#dialog.open) this.#dialog.showModal()
    this.#input.focus()
  }

  #say(text: string): void {
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
