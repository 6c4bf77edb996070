import type { Classification } from '@immich-ml-router/core'

/** Immich's queues whose jobs are predict requests, by Immich's names. */
export const QUEUES = ['smartSearch', 'faceDetection', 'ocr'] as const

/** One of Immich's queues for machine learning. */
export type QueueName = (typeof QUEUES)[number]

/** The queue of an entry, by its task and type. A text search comes from no queue. */
function queueOfEntry(task: string, type: string): QueueName | undefined {
  if (task === 'clip') return type === 'visual' ? 'smartSearch' : undefined
  if (task === 'facial-recognition') return 'faceDetection'
  return task === 'ocr' ? 'ocr' : undefined
}

/** The queues that a request comes from: several for a fork that asks for several tasks at once. */
export function queuesOf({ entries }: Classification): readonly QueueName[] {
  const queues = new Set<QueueName>()
  for (const { task, type } of entries) {
    const queue = queueOfEntry(task, type)
    if (queue !== undefined) queues.add(queue)
  }
  return [...queues]
}

/** A job of each queue, with Immich's default models. */
export const DEFAULT_JOBS: Readonly<Record<QueueName, Classification>> = {
  smartSearch: imageJob('clip', ['visual'], 'ViT-B-32__openai'),
  faceDetection: imageJob('facial-recognition', ['detection', 'recognition'], 'buffalo_l'),
  ocr: imageJob('ocr', ['detection', 'recognition'], 'PP-OCRv5_mobile'),
}

function imageJob(task: string, types: readonly string[], model: string): Classification {
  return {
    classified: true,
    entries: types.map((type) => ({ task, type, model, options: {} })),
    tasks: [task],
    input: 'image',
  }
}
