import { Readable } from 'node:stream'
import { classifyPredictRequest } from '@immich-ml-router/core'
import { CONTENT_TYPE, immichBody } from '@immich-ml-router/core/testing'
import { offer } from '../lib/offer.ts'
import { median } from '../lib/stats.ts'

/** What Node reads from a socket at once. */
const CHUNK = 65_536
/** Chunks after the first of a body of 300 MB. */
const MORE = Math.ceil(300_000_000 / CHUNK) - 1
const FILLER = Buffer.alloc(CHUNK, 'image')
const SMALL = immichBody('indexing', Buffer.alloc(1)).subarray(0, 300)
const LARGE = immichBody('indexing', Buffer.alloc(CHUNK, 'image')).subarray(0, CHUNK)

/** What classifies, as a process of its own. */
const functions = {
  /** Median microseconds for 300 bytes and for 300 MB, entries first. */
  async classify(times: number): Promise<{ small: number; large: number }> {
    const taken = { small: [] as number[], large: [] as number[] }
    for (let i = 0; i < times; i++) {
      // Each comes second as often: what comes first finds other caches.
      if (i % 2 === 0) taken.small.push(await timeOf(SMALL, 0))
      taken.large.push(await timeOf(LARGE, MORE))
      if (i % 2 === 1) taken.small.push(await timeOf(SMALL, 0))
    }
    return { small: median(taken.small), large: median(taken.large) }
  },
}

export type Classifier = typeof functions

offer(functions)

async function timeOf(first: Buffer, more: number): Promise<number> {
  let left = more
  const stream = new Readable({
    read() {
      this.push(left === more ? first : left >= 0 ? FILLER : null)
      left--
    },
  })
  const options = { contentType: CONTENT_TYPE, maxBodySize: Number.POSITIVE_INFINITY }
  const began = performance.now()
  const { classification, body } = await classifyPredictRequest(stream, options)
  const taken = (performance.now() - began) * 1000
  body.destroy()
  if (!classification.classified || classification.input !== 'image') throw new Error('it is not classified')
  return taken
}
