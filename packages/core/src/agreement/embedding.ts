/** The numbers of an embedding, which Immich's ML server writes as JSON text in a string; `undefined` for anything else. */
export function readEmbedding(value: unknown): readonly number[] | undefined {
  let numbers = value
  if (typeof value === 'string') {
    try {
      numbers = JSON.parse(value)
    } catch {
      return undefined
    }
  }
  return Array.isArray(numbers) && numbers.length > 0 && numbers.every(isNumber) ? numbers : undefined
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/**
 * Norms may differ by this factor. Immich compares by the angle, so the norm itself does no harm, but the same weights give the
 * same norm.
 */
const NORM_FACTOR = 1.1

/**
 * How two embeddings of the same input differ; `undefined` if they agree.
 *
 * @param least Least cosine of embeddings that agree.
 */
export function embeddingDifference(
  first: readonly number[] | undefined,
  second: readonly number[] | undefined,
  least: number,
): string | undefined {
  if (first === undefined || second === undefined)
    return first === second ? undefined : `${valuesOf(first)} and ${valuesOf(second)}`
  if (first.length !== second.length) return `${first.length} and ${valuesOf(second)}`
  const [norm, other] = [Math.sqrt(dot(first, first)), Math.sqrt(dot(second, second))]
  if (!(Math.max(norm, other) <= NORM_FACTOR * Math.min(norm, other)))
    return `norm ${norm.toPrecision(3)} and ${other.toPrecision(3)}`
  const cosine = norm === 0 ? 1 : dot(first, second) / (norm * other)
  return cosine < least ? `cosine ${cosineText(cosine)}` : undefined
}

function valuesOf(embedding: readonly number[] | undefined): string {
  return embedding === undefined ? 'no embedding' : `${embedding.length} values`
}

function dot(first: readonly number[], second: readonly number[]): number {
  return first.reduce((sum, value, index) => sum + value * (second[index] ?? 0), 0)
}

/** Rounded down, so that no difference is shown as 0.99 or 1. */
function cosineText(cosine: number): string {
  const digits = cosine > 0.9 ? 1_000 : 100
  return String(Math.floor(cosine * digits) / digits)
}
