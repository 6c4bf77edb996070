import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { ENTRIES, imageBytes, multipart, type RawPart } from '../testing/immich-requests.ts'
import type { PredictInput } from './classification.ts'
import { classifyPredictRequest } from './classify-predict-request.ts'

/** As Immich's main branch and its forks encode a form by hand. */
const boundary = 'immich-1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed'
const contentType = `multipart/form-data; boundary=${boundary}`

const entries = (json: object): RawPart => ({ header: 'entries', content: JSON.stringify(json) })
const text: RawPart = { header: 'text', content: 'cat' }
const image: RawPart = {
  header:
    'Content-Disposition: form-data; name="image"; filename="blob"\r\nContent-Type: application/octet-stream',
  content: imageBytes(300),
}
const assetId: RawPart = { header: 'assetId', content: '3fe388e4-2078-44d7-b36c-39d9dee3a657' }

interface Request {
  readonly what: string
  readonly parts: readonly RawPart[]
  readonly jobs: readonly string[]
  readonly input: PredictInput | undefined
}

const nsfw = { 'nsfw-detection': { classification: { modelName: 'nsfw', options: null } } }
const transcription = { transcription: { audio: { modelName: 'whisper', options: { language: 'en' } } } }
const tagging = {
  'image-description-tagging': {
    pipeline: { modelName: 'joytag', options: { acceleration: { device: 'GPU' } } },
  },
}

const requests: readonly Request[] = [
  {
    what: 'a search',
    parts: [entries(ENTRIES.textSearch), text],
    jobs: ['clip/textual/ViT-B-32__openai'],
    input: 'text',
  },
  {
    what: 'an image',
    parts: [entries(ENTRIES.indexing), image],
    jobs: ['clip/visual/ViT-B-32__openai'],
    input: 'image',
  },
  {
    what: 'assetId in place of an image',
    parts: [entries(ENTRIES.indexing), assetId],
    jobs: ['clip/visual/ViT-B-32__openai'],
    input: undefined,
  },
  {
    what: 'assetId before an image',
    parts: [assetId, entries(ENTRIES.indexing), image],
    jobs: ['clip/visual/ViT-B-32__openai'],
    input: 'image',
  },
  {
    what: 'clip and faces in one request',
    parts: [entries({ ...ENTRIES.indexing, ...ENTRIES.faces }), image],
    jobs: [
      'clip/visual/ViT-B-32__openai',
      'facial-recognition/detection/buffalo_l',
      'facial-recognition/recognition/buffalo_l',
    ],
    input: 'image',
  },
  {
    what: 'both halves of clip',
    parts: [entries({ clip: { ...ENTRIES.textSearch.clip, ...ENTRIES.indexing.clip } }), image],
    jobs: ['clip/textual/ViT-B-32__openai', 'clip/visual/ViT-B-32__openai'],
    input: 'image',
  },
  {
    what: 'image-quality',
    parts: [entries({ 'image-quality': { visual: { modelName: 'musiq' } } }), image],
    jobs: ['image-quality/visual/musiq'],
    input: 'image',
  },
  {
    what: 'face-attributes',
    parts: [
      entries({ ...ENTRIES.faces, 'face-attributes': { recognition: { modelName: 'genderage' } } }),
      image,
    ],
    jobs: [
      'facial-recognition/detection/buffalo_l',
      'facial-recognition/recognition/buffalo_l',
      'face-attributes/recognition/genderage',
    ],
    input: 'image',
  },
  {
    what: 'nsfw-detection',
    parts: [entries(nsfw), image],
    jobs: ['nsfw-detection/classification/nsfw'],
    input: 'image',
  },
  {
    what: 'image-description-tagging',
    parts: [entries(tagging), image],
    jobs: ['image-description-tagging/pipeline/joytag'],
    input: 'image',
  },
  {
    what: 'transcription, with another payload name',
    parts: [entries(transcription), { ...image, header: image.header.replace('"image"', '"audio"') }],
    jobs: ['transcription/audio/whisper'],
    input: undefined,
  },
]

async function* chunksOf(body: Buffer, cut: number): AsyncGenerator<Buffer> {
  yield body.subarray(0, cut)
  yield body.subarray(cut)
}

describe('what forks and other clients send', () => {
  it.each(requests)('$what is classified, cut at every byte', async ({ parts, jobs, input }) => {
    const body = multipart(parts, { boundary })
    for (let cut = 1; cut <= body.length; cut++) {
      const request = await classifyPredictRequest(chunksOf(body, cut), { contentType })
      const { classification } = request
      const names = classification.entries.map(({ task, type, model }) => `${task}/${type}/${model}`)
      expect([names, classification.input], `cut at ${cut}`).toEqual([jobs, input])
      expect(classification.tasks).toEqual([...new Set(jobs.map((job) => job.split('/')[0]))])
      if (cut % 100 === 0) expect((await buffer(request.body.stream())).equals(body)).toBe(true)
      request.body.destroy()
    }
  })
})
