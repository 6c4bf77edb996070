import { type ImmichJob, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { lognormal, seeded } from '../../test/support/random.ts'

/**
 * How much work a job is, on average; the image of a smart search is 1.
 *
 * A text goes through a tower of about the size of the image's, without decoding and scaling an image: 0.8, which also makes
 * an idle search on a GPU of 20 ms as long as the 27 ms that were measured (95th percentile). Faces are a small detector at
 * 640 x 640 and a recognition for each face: 1.2. OCR runs a detector and then a recogniser over every line: 2.5.
 */
export const WORK: Readonly<Record<ImmichJob, number>> = {
  textSearch: 0.8,
  indexing: 1,
  faces: 1.2,
  ocr: 2.5,
}

/** Standard deviation of the time of a job, as a share of its mean. */
export const SCATTER = 0.3

/** What an import asks for every image, so in equal numbers. */
export const IMPORT: readonly ImmichJob[] = ['indexing', 'faces', 'ocr']

/** One request, and the units of work that it is, drawn. */
export interface Draw {
  readonly job: ImmichJob
  readonly work: number
}

/** The jobs of a run. Their work is drawn here, not where they are served, so all contenders get the same requests. */
export function drawJobs(jobs: readonly ImmichJob[], ...seed: readonly (string | number)[]): () => Draw {
  const random = seeded(...seed)
  return () => {
    const job = jobs[Math.floor(random() * jobs.length)] ?? 'indexing'
    return { job, work: WORK[job] * lognormal(random, SCATTER) }
  }
}

/** How much work a request is, and from when to when a stand-in server has worked on it. */
export const WORK_HEADER = 'x-bench-work'
export const DONE_HEADER = 'x-bench-done'

/** A preview of the size of Immich's smaller ones. */
const IMAGE = imageBytes(100_000)
const bodies = new Map<ImmichJob, Buffer>()

/** The body of a job, made once. */
export function bodyOf(job: ImmichJob): Buffer {
  const body = bodies.get(job) ?? immichBody(job, job === 'textSearch' ? 'a red car on the beach' : IMAGE)
  bodies.set(job, body)
  return body
}
