/** The same weights on another machine or in half precision give 0.999 and more. */
const LEAST_COSINE = 0.99

/** Whether two answers to the same search were computed by the same model: as far as it can be told. */
export function isSameModel(one: Uint8Array, other: Uint8Array): boolean {
  const [a, b] = [embeddingOf(one), embeddingOf(other)]
  if (a === undefined || b === undefined) return true
  return a.length === b.length && cosine(a, b) >= LEAST_COSINE
}

/** The embedding of an answer, which is JSON in a text. */
function embeddingOf(answer: Uint8Array): number[] | undefined {
  try {
    const { clip }: { clip?: unknown } = JSON.parse(Buffer.from(answer).toString())
    const values: unknown = typeof clip === 'string' ? JSON.parse(clip) : undefined
    if (!Array.isArray(values)) return undefined
    return values.every((value) => typeof value === 'number') ? values : undefined
  } catch {
    return undefined
  }
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const length = Math.hypot(...a) * Math.hypot(...b)
  return length === 0 ? 1 : a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0) / length
}
