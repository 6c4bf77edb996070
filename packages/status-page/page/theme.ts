import { byId } from './dom.ts'
import { remember, remembered } from './memory.ts'

const KEY = 'immich-ml-router-theme'

/** Applies the chosen theme: light, dark, or the system's. */
export function startTheme(): void {
  const choice = remembered('local', KEY) ?? 'auto'
  apply(choice)
  const fieldset = byId('theme', HTMLFieldSetElement)
  for (const input of fieldset.querySelectorAll('input')) {
    input.checked = input.value === choice
    input.addEventListener('change', () => {
      remember('local', KEY, input.value)
      apply(input.value)
    })
  }
}

function apply(choice: string): void {
  document.documentElement.dataset['theme'] = choice
}
