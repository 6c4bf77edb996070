import { Readable } from 'node:stream'
import { classifyPredictRequest } from '@immich-ml-router/core'
import { CONTENT_TYPE, ENTRIES, multipart } from '../../test/support/predict-body.ts'
import { offer } from '../lib/offer.ts'
import { median } from '../lib/stats.ts'

/** Sizes of the bodies whose classification is compared. */
export const SMALL = 300
export const LARGE = 300_000_000

/** What Node reads from a socket at once. */
const CHUNK = 65_536

/** Microseconds to classify a body of each size, entries first. */
export interface ClassificationTimes {
  readonly small: number
  readonly large: number
}

const [small, large] = [bodyOf(SMALL), bodyOf(LARGE)]

/** What classifies, as a process of its own. */
const functions = {
  /** The medians of so many of each, in turns. */
  async classify(times: number): Promise<ClassificationTimes> {
    const taken = { small: [] as number[], large: [] as number[] }
    for (let i = 0; i < times; i++) {
      // Each is behind the other as often: what comes first finds other caches.
      if (i % 2 === 0) taken.small.push(await timeOf(small))
      taken.large.push(await timeOf(large))
      if (i % 2 === 1) taken.small.push(await timeOf(small))
    }
    return { small: median(taken.small), large: median(taken.large) }
  },
}

export type Classifier = typeof functions

offer(functions)

interface Body {
  readonly first: Buffer
  /** Chunks behind the first. */
  readonly more: number
}

function bodyOf(size: number): Body {
  const filled = withImage(Math.min(size, 2 * CHUNK) - withImage(0).length)
  return { first: filled.subarray(0, CHUNK), more: Math.ceil(size / CHUNK) - 1 }
}

function withImage(size: number): Buffer {
  const entries = { header: 'entries', content: JSON.stringify(ENTRIES.indexing) }
  const header = 'Content-Disposition: form-data; name="image"; filename="blob"'
  return multipart([entries, { header, content: Buffer.alloc(size, 'image') }])
}

async function timeOf({ first, more }: Body): Promise<number> {
  let left = more
  const stream = new Readable({
    read() {
      if (left === more) this.push(first)
      else if (left >= 0) this.push(FILLER)
      else this.push(null)
      left--
    },
  })
  const began = performance.now()
  const { classification, body } = await classifyPredictRequest(stream, {
    contentType: CONTENT_TYPE,
    maxBodySize: Number.POSITIVE_INFINITY,
  })
  const taken = (performance.now() - began) * 1000
  body.destroy()
  if (!classification.classified || classification.input !== 'image') throw new Error('it is not classified')
  return taken
}

const FILLER = Buffer.alloc(CHUNK, 'image')
