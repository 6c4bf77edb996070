/** What a browser keeps, where it lets us: `local` for ever, `session` until the tab is closed. */
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

/** @param value Nothing, to forget it. */
export function remember(place: Place, key: string, value: string | undefined): void {
  if (value === undefined) storage(place)?.removeItem(key)
  else storage(place)?.setItem(key, value)
}
