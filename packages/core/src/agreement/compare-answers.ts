import type { Entry } from '../classify/classification.ts'
import { isRecord } from '../record.ts'
import { embeddingDifference, readEmbedding } from './embedding.ts'
import { faceDifference } from './faces.ts'
import { textDifference } from './texts.ts'

/**
 * Least cosine of two embeddings of one input. One port with the same weights was measured at 0.996 to 1; one that squeezes a 4:3
 * image is reported at 0.83. docs/agreement.md has the sources.
 */
export const LEAST_COSINE = 0.99

/**
 * How two answers to the same request differ, such as `512 and 640 values` or `cosine 0.71`; `undefined` if they agree, and for
 * tasks that are not Immich's.
 *
 * @param entries The jobs of the request.
 */
export function compareAnswers(entries: readonly Entry[], first: Buffer, second: Buffer): string | undefined {
  const [one, two] = [readAnswer(first), readAnswer(second)]
  for (const task of new Set(entries.map(({ task }) => task))) {
    const difference = taskDifference(task, entries, one[task], two[task])
    if (difference !== undefined) return difference
  }
  return undefined
}

function taskDifference(
  task: string,
  entries: readonly Entry[],
  first: unknown,
  second: unknown,
): string | undefined {
  switch (task) {
    case 'clip':
      return embeddingDifference(readEmbedding(first), readEmbedding(second), LEAST_COSINE)
    case 'facial-recognition':
      return faceDifference(first, second, minScoreOf(entries))
    case 'ocr':
      return textDifference(first, second)
    default:
      return undefined
  }
}

function minScoreOf(entries: readonly Entry[]): number {
  const scores = entries
    .filter(({ task }) => task === 'facial-recognition')
    .map(({ options }) => options['minScore'])
    .filter((score) => typeof score === 'number')
  return Math.max(0, ...scores)
}

function readAnswer(answer: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(answer.toString())
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}
