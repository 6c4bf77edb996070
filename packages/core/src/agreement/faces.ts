import { isRecord } from '../record.ts'
import { embeddingDifference, readEmbedding } from './embedding.ts'

interface Box {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

interface Face {
  readonly box: Box
  readonly score: number
  readonly embedding: readonly number[] | undefined
}

/** Least overlap of two boxes of one face: their intersection over their union. */
const LEAST_OVERLAP = 0.7
/** Scores of one face may differ by this much. A face this close to the least score may be missing. */
const SCORE_TOLERANCE = 0.05
/** Least cosine of two embeddings of one face: a box that is off by a pixel changes the crop. */
const LEAST_COSINE = 0.95

/**
 * How two results of face recognition on the same image differ; `undefined` if they agree.
 *
 * @param minScore The least score of a face that was asked for.
 */
export function faceDifference(first: unknown, second: unknown, minScore: number): string | undefined {
  const [faces, others] = [readFaces(first), readFaces(second)]
  if (faces === undefined || others === undefined)
    return faces === others ? undefined : `${countOf(faces)} and ${countOf(others)}`
  const isClear = ({ score }: Face) => score >= minScore + SCORE_TOLERANCE
  const pairs = pairsOf(faces, others)
  const alone = [
    ...faces.filter((face) => !pairs.some(([one]) => one === face)),
    ...others.filter((face) => !pairs.some(([, one]) => one === face)),
  ]
  if (alone.some(isClear))
    return faces.length === others.length ? 'faces at other places' : `${faces.length} and ${countOf(others)}`
  for (const [face, other] of pairs) {
    const difference = embeddingDifference(face.embedding, other.embedding, LEAST_COSINE)
    if (difference !== undefined) return `a face with ${difference}`
    if (Math.abs(face.score - other.score) > SCORE_TOLERANCE)
      return `a face with score ${face.score.toFixed(2)} and ${other.score.toFixed(2)}`
  }
  return undefined
}

/** Each face with the one that overlaps it most. */
function pairsOf(faces: readonly Face[], others: readonly Face[]): readonly (readonly [Face, Face])[] {
  const left = new Set(others)
  return faces.flatMap((face) => {
    const [best] = [...left].sort((a, b) => overlap(face.box, b.box) - overlap(face.box, a.box))
    if (best === undefined || overlap(face.box, best.box) < LEAST_OVERLAP) return []
    left.delete(best)
    return [[face, best] as const]
  })
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1)
  if (width <= 0 || height <= 0) return 0
  const shared = width * height
  return shared / (areaOf(a) + areaOf(b) - shared)
}

function areaOf({ x1, y1, x2, y2 }: Box): number {
  return (x2 - x1) * (y2 - y1)
}

function countOf(faces: readonly Face[] | undefined): string {
  if (faces === undefined) return 'no list of faces'
  return faces.length === 1 ? '1 face' : `${faces.length} faces`
}

function readFaces(value: unknown): readonly Face[] | undefined {
  if (!Array.isArray(value)) return undefined
  const faces = value.map(readFace)
  return faces.every((face) => face !== undefined) ? faces : undefined
}

function readFace(value: unknown): Face | undefined {
  if (!isRecord(value)) return undefined
  const { boundingBox, score, embedding } = value
  if (!isRecord(boundingBox) || typeof score !== 'number') return undefined
  const { x1, y1, x2, y2 } = boundingBox
  if (typeof x1 !== 'number' || typeof y1 !== 'number' || typeof x2 !== 'number' || typeof y2 !== 'number')
    return undefined
  return { box: { x1, y1, x2, y2 }, score, embedding: readEmbedding(embedding) }
}
