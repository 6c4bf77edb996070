/** An answer that differs from what it should be. */
export interface Dissent<B> {
  readonly backend: B
  /** The backend that it was compared with. */
  readonly standard: B
  /** How its answer differs. */
  readonly difference: string
}

/**
 * Finds the answers that differ from those of the majority, or without a majority from the first.
 *
 * @param answers In the order of the route.
 * @param compare How two answers differ; `undefined` if they agree.
 */
export function findDissent<B>(
  answers: readonly (readonly [backend: B, answer: Buffer])[],
  compare: (first: Buffer, second: Buffer) => string | undefined,
): readonly Dissent<B>[] {
  const groups: [B, Buffer][][] = []
  for (const [backend, answer] of answers) {
    const group = groups.find(([first]) => first !== undefined && compare(first[1], answer) === undefined)
    if (group === undefined) groups.push([[backend, answer]])
    else group.push([backend, answer])
  }
  const [standard] = groups.find(({ length }) => length > answers.length / 2) ?? groups[0] ?? []
  if (standard === undefined) return []
  return groups.flatMap((group) =>
    group.flatMap(([backend, answer]) => {
      const difference = compare(standard[1], answer)
      return difference === undefined ? [] : [{ backend, standard: standard[0], difference }]
    }),
  )
}
