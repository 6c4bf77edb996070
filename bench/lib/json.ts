/**
 * Results as JSON: a line for each entry of their lists, which is short, and good to compare in version control.
 *
 * @param lists The names of these lists.
 */
export function toJsonLines<R extends object>(results: R, lists: readonly (keyof R & string)[]): string {
  const isList = (name: string) => lists.some((list) => list === name)
  const rest = Object.fromEntries(Object.entries(results).filter(([name]) => !isList(name)))
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, '')
  const lines = lists.map((name) => {
    const list: unknown = results[name]
    const entries = Array.isArray(list) ? list.map((entry) => `    ${JSON.stringify(entry, rounded)}`) : []
    return entries.length === 0 ? `  "${name}": []` : `  "${name}": [\n${entries.join(',\n')}\n  ]`
  })
  return `${head},\n${lines.join(',\n')}\n}\n`
}

/** More digits than these say nothing. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}
