import { type Classification, classifyPredictRequest } from '@immich-ml-router/core'
import { CONTENT_TYPE, ENTRIES } from '@immich-ml-router/core/testing'

/** The classification of Immich's text search. */
export const textSearch = {
  classified: true,
  entries: [{ task: 'clip', type: 'textual', model: 'ViT-B-32__openai', options: { language: 'en' } }],
  tasks: ['clip'],
  input: 'text',
}

/** Its `entries`. */
export const CLIP = JSON.stringify(ENTRIES.textSearch)

/** Parts of a form. */
export const part = {
  entries: (content: string = CLIP) => ({ header: 'entries', content }),
  text: (content = 'cat') => ({ header: 'text', content }),
  image: (content: string | Buffer = 'IMG') => ({ header: 'image', content }),
}

/** @param type `null` for a body without a content type. */
export async function classify(
  body: Uint8Array,
  type: string | null = CONTENT_TYPE,
): Promise<Classification> {
  const options = type === null ? {} : { contentType: type }
  return (await classifyPredictRequest(body, options)).classification
}

/** A stream that gives one chunk per turn, as a socket does. */
export async function* chunksOf(body: Buffer, ...cuts: number[]): AsyncGenerator<Buffer> {
  let from = 0
  for (const cut of [...cuts, body.length]) {
    yield body.subarray(from, cut)
    from = cut
  }
}
