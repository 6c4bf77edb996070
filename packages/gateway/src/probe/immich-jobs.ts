import type { Classified, ClientJob } from '@immich-ml-router/core/parts'

/** A job that Immich sends, with Immich's default model. */
export interface ImmichJob extends ClientJob {
  readonly id: 'search' | 'indexing' | 'faces' | 'ocr'
  /** Its name in tables and sentences. */
  readonly name: string
  readonly task: string
}

const CLIP = 'ViT-B-32__openai'
const FACES = 'buffalo_l'
const OCR = 'PP-OCRv5_mobile'

/** In the order in which they are asked for and shown. */
export const IMMICH_JOBS: readonly ImmichJob[] = [
  {
    id: 'search',
    name: 'text search',
    task: 'clip',
    input: 'text',
    entries: [{ task: 'clip', type: 'textual', model: CLIP, options: { language: 'en' } }],
  },
  {
    id: 'indexing',
    name: 'image indexing',
    task: 'clip',
    input: 'image',
    entries: [{ task: 'clip', type: 'visual', model: CLIP, options: {} }],
  },
  {
    id: 'faces',
    name: 'faces',
    task: 'facial-recognition',
    input: 'image',
    entries: [
      { task: 'facial-recognition', type: 'detection', model: FACES, options: { minScore: 0.7 } },
      { task: 'facial-recognition', type: 'recognition', model: FACES, options: {} },
    ],
  },
  {
    id: 'ocr',
    name: 'OCR',
    task: 'ocr',
    input: 'image',
    entries: [
      { task: 'ocr', type: 'detection', model: OCR, options: { minScore: 0.5, maxResolution: 736 } },
      { task: 'ocr', type: 'recognition', model: OCR, options: { minScore: 0.8 } },
    ],
  },
]

/** The job as the router classifies Immich's request for it. */
export function classificationOf({ entries, input, task }: ImmichJob): Classified {
  return { classified: true, entries, input, tasks: [task] }
}
