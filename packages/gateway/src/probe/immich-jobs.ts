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

/** Why `task=model` is wrong; `undefined` if it is not. */
export function modelMistake(written: string): string | undefined {
  const [task, model] = modelIn(written)
  return model !== '' && IMMICH_JOBS.some((job) => job.task === task)
    ? undefined
    : 'Write it like clip=ViT-L-14__openai; the tasks are clip, facial-recognition and ocr.'
}

/**
 * Immich's jobs with other models than Immich's default ones.
 *
 * @param models Such as `clip=ViT-L-14__openai`.
 */
export function jobsWith(models: readonly string[] = []): readonly ImmichJob[] {
  const byTask = new Map(models.map(modelIn))
  return IMMICH_JOBS.map((job) => {
    const model = byTask.get(job.task)
    return model === undefined ? job : { ...job, entries: job.entries.map((entry) => ({ ...entry, model })) }
  })
}

function modelIn(written: string): readonly [task: string, model: string] {
  const at = written.indexOf('=')
  return at === -1 ? [written, ''] : [written.slice(0, at), written.slice(at + 1)]
}
