type WithoutUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** A copy without the members that are `undefined`. */
export function withoutUndefined<T extends object>(options: T): Partial<WithoutUndefined<T>> {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Partial<WithoutUndefined<T>>
}
