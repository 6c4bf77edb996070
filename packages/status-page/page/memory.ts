/** Browser storage, which may be disabled: `local` is permanent, `session` ends with the tab. */
type Place = 'local' | 'session'

function storage(place: Place): Storage | undefined {
  try {
    return place === 'local' ? localStorage : sessionStorage
  } catch {
    return undefined
  }
}

export function remembered(place: Place, key: string): string | undefined {
  return storage(place)?.getItem(key) ?? undefined
}

/** @param value `undefined` deletes it. */
export function remember(place: Place, key: string, value: string | undefined): void {
  if (value === undefined) storage(place)?.removeItem(key)
  else storage(place)?.setItem(key, value)
}
