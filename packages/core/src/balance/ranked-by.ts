/** The items from the lowest score to the highest, by the first score that differs; equals keep their order. */
export function rankedBy<T>(items: readonly T[], ...scores: readonly ((item: T) => number)[]): readonly T[] {
  if (items.length === 1) return items
  const rows = items.map((item) => ({ item, scores: scores.map((score) => score(item)) }))
  return rows.sort((a, b) => compared(a.scores, b.scores)).map(({ item }) => item)
}

function compared(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const [ofA, ofB] = [a[i] ?? 0, b[i] ?? 0]
    if (ofA !== ofB) return ofA < ofB ? -1 : 1
  }
  return 0
}
