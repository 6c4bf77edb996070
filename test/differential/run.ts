import { Readable } from 'node:stream'
import { type Classification, classifyPredictRequest } from '@immich-ml-router/core'
import { type Comparison, compare } from './compare.ts'
import { type GeneratedRequest, generate } from './generate.ts'
import { Oracle } from './oracle.ts'

export interface DifferentialOptions {
  readonly bodies: number
  /** Seed of the first body. Each following body uses the next number. */
  readonly seed: number
}

/** A body that the router and the server read differently without an intended difference. */
export interface WrongReading {
  readonly seed: number
  readonly mutations: readonly string[]
  readonly wrong: string
}

export interface DifferentialResult {
  readonly counts: Readonly<Partial<Record<Extract<Comparison, string>, number>>>
  readonly wrong: readonly WrongReading[]
}

/** Number of bodies that are sent to FastAPI at once. */
const BATCH = 200

/** Reads generated bodies with the router and with FastAPI and compares the results. */
export async function runDifferential({ bodies, seed }: DifferentialOptions): Promise<DifferentialResult> {
  const oracle = new Oracle()
  const counts: Partial<Record<Extract<Comparison, string>, number>> = {}
  const wrong: WrongReading[] = []
  try {
    for (let start = seed; start < seed + bodies; start += BATCH) {
      const seeds = Array.from({ length: Math.min(BATCH, seed + bodies - start) }, (_, i) => start + i)
      const requests = seeds.map(generate)
      const readings = oracle.read(requests)
      const classifications = await Promise.all(requests.map(classify))
      for (const [i, reading] of (await readings).entries()) {
        const [request, classification, bodySeed] = [requests[i], classifications[i], seeds[i]]
        if (request === undefined || classification === undefined || bodySeed === undefined)
          throw new Error('FastAPI returned more results than requested.')
        const comparison = compare(request, reading, classification)
        if (typeof comparison === 'string') counts[comparison] = (counts[comparison] ?? 0) + 1
        else wrong.push({ seed: bodySeed, mutations: request.mutations, wrong: comparison.wrong })
      }
    }
    return { counts, wrong }
  } finally {
    await oracle.close()
  }
}

async function classify({ contentType, contentEncoding, chunks }: GeneratedRequest): Promise<Classification> {
  const encoding = contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }
  const stream = Readable.from(chunks, { objectMode: false })
  const request = Object.assign(stream, { headers: { 'content-type': contentType, ...encoding } })
  const { classification, body } = await classifyPredictRequest(request)
  body.destroy()
  return classification
}
