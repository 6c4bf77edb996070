/**
 * Those whose names begin with one of these, in their own order.
 *
 * @throws {Error} that says which names there are.
 */
export function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  beginnings: readonly string[],
): T[] {
  for (const beginning of beginnings) {
    if (!all.some(({ name }) => name.startsWith(beginning)))
      throw new Error(`nothing is called "${beginning}"; there are ${all.map(({ name }) => name).join('; ')}`)
  }
  return all.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)))
}

/** @throws {Error} for what is no number, or is below 0. */
export function number(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`--${name} takes a number, not "${text}"`)
  return value
}

/** @throws {Error} for what is not a list of whole numbers above 0. */
export function wholeNumbers(name: string, text: string): number[] {
  return text.split(',').map((each) => {
    const value = number(name, each)
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes whole numbers`)
    return value
  })
}
