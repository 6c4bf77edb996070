/**
 * The item with the least score; the first of equals.
 *
 * @param score Is told the least so far.
 */
export function leastBy<T>(items: readonly [T, ...T[]], score: (item: T, least: number) => number): T {
  let best = items[0]
  let bestScore = score(best, Number.POSITIVE_INFINITY)
  for (let i = 1; i < items.length; i++) {
    const item = items[i] as T
    const itemScore = score(item, bestScore)
    if (itemScore < bestScore) {
      best = item
      bestScore = itemScore
    }
  }
  return best
}

/** All items with the least score, in their order. */
export function allLeastBy<T>(items: readonly [T, ...T[]], score: (item: T) => number): [T, ...T[]] {
  let best: [T, ...T[]] = [items[0]]
  let bestScore = score(items[0])
  for (let i = 1; i < items.length; i++) {
    const item = items[i] as T
    const itemScore = score(item)
    if (itemScore < bestScore) {
      best = [item]
      bestScore = itemScore
    } else if (itemScore === bestScore) best.push(item)
  }
  return best
}

/** All items from the least score to the highest, by the first score that differs; equals stay in their order. */
export function rankedBy<T>(items: readonly T[], ...scores: readonly ((item: T) => number)[]): T[] {
  return items.toSorted((a, b) => {
    for (const score of scores) {
      const [ofA, ofB] = [score(a), score(b)]
      if (ofA < ofB) return -1
      if (ofA > ofB) return 1
    }
    return 0
  })
}
