import { parseMultipart } from '@mjackson/multipart-parser'
import { type Answer, INTERNAL_SERVER_ERROR, jsonText } from './faults.ts'

/** One job of a request: a task, its type and a model. */
export interface RequestedJob {
  readonly task: string
  readonly type: string
  readonly model: string
}

/** The ML server's answer to a predict request. */
export interface Prediction {
  readonly answer: Answer
  /** The jobs to compute before the answer; empty if the request is refused. */
  readonly jobs: readonly RequestedJob[]
}

/** What a task is computed from. */
export interface TaskInput {
  readonly task: string
  /** Of all tasks of the request. */
  readonly jobs: readonly RequestedJob[]
  /** `undefined` if the request has an image. */
  readonly text: string | undefined
  readonly image: Buffer | undefined
}

/** The models of a server, and its answer for unknown jobs. */
export interface KnownJobs {
  /**
   * Computes the result of a task, such as an embedding of its own; `undefined` for the constant result. Default: every result is
   * constant.
   */
  readonly result?: ((input: TaskInput) => unknown) | undefined
  /** Default: every model. */
  readonly models?: readonly string[]
  /**
   * Status for an unknown task, type or model: 500, or 422 like Immich's main branch.
   * @default 500
   */
  readonly unknown?: 500 | 422
}

/** An image that contains these bytes cannot be decoded: the answer is 500. */
export const UNDECODABLE = 'undecodable image'

/** Starlette's limit for a part that is not a file. */
const MAX_TEXT_PART = 1024 * 1024

const TYPES: Readonly<Record<string, readonly string[]>> = {
  clip: ['textual', 'visual'],
  'facial-recognition': ['detection', 'recognition'],
  ocr: ['detection', 'recognition'],
}

/** Reads a predict request like immich-machine-learning (`main.py`) and refuses the same requests. */
export function predict(contentType: string | undefined, body: Buffer, known: KnownJobs = {}): Prediction {
  const fields = readFields(contentType, body)
  if (fields === undefined) return refuse(400, 'There was an error parsing the body')
  if ([...fields].some(([name, { length }]) => name !== 'image' && length > MAX_TEXT_PART))
    return refuse(400, 'Part exceeded maximum size of 1024KB.')
  const entries = fields.get('entries')
  if (entries === undefined) {
    return refuse(422, [{ type: 'missing', loc: ['body', 'entries'], msg: 'Field required', input: null }])
  }
  const jobs = readJobs(entries.toString())
  if (jobs === undefined) return refuse(422, 'Invalid request format.')
  const image = fields.get('image')
  if (image === undefined && (fields.get('text')?.length ?? 0) === 0) {
    return refuse(400, 'Either image or text must be provided')
  }
  if (!jobs.every((job) => isKnown(job, known)))
    return known.unknown === 422 ? refuse(422, 'Invalid request format.') : failed()
  if (image?.includes(UNDECODABLE)) return failed()
  const text = image === undefined ? fields.get('text')?.toString() : undefined
  const results = Object.fromEntries(
    jobs.map(({ task }) => [task, known.result?.({ task, jobs, text, image }) ?? resultOf(task)]),
  )
  return {
    answer: jsonText(200, image ? { ...results, imageHeight: 1440, imageWidth: 1080 } : results),
    jobs,
  }
}

function refuse(status: number, detail: unknown): Prediction {
  return { answer: jsonText(status, { detail }), jobs: [] }
}

function failed(): Prediction {
  return { answer: INTERNAL_SERVER_ERROR, jobs: [] }
}

function isKnown({ task, type, model }: RequestedJob, { models }: KnownJobs): boolean {
  const types = Object.hasOwn(TYPES, task) ? TYPES[task] : undefined
  return types?.includes(type) === true && (models === undefined || models.includes(model))
}

function readFields(contentType: string | undefined, body: Buffer): Map<string, Buffer> | undefined {
  if (/^application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType ?? '')) return readUrlencoded(body)
  const boundary = /^multipart\/form-data;.*boundary=(?:"([^"]+)"|([^;]+))/i.exec(contentType ?? '')
  if (boundary === null) return new Map()
  const delimiter = boundary[1] ?? boundary[2] ?? ''
  const preamble = body.indexOf(`--${delimiter}`)
  try {
    const parts = parseMultipart(body.subarray(Math.max(preamble, 0)), {
      boundary: delimiter,
      maxFileSize: Number.MAX_SAFE_INTEGER,
    })
    // A file named `entries` does not count. Of several fields with the same name, the last one counts.
    const fields = [...parts].filter(({ name, isFile }) => name !== 'entries' || !isFile)
    return new Map(fields.map(({ name = '', bytes }) => [name, Buffer.from(bytes)]))
  } catch {
    return undefined
  }
}

/** Like in Starlette, the last field with a name counts, and empty fields do not count. */
function readUrlencoded(body: Buffer): Map<string, Buffer> {
  const fields = [...new URLSearchParams(`&${body.toString('latin1')}`)]
  const last = new Map(fields.map(([name, value]) => [name, Buffer.from(value)]))
  return new Map([...last].filter(([, { length }]) => length > 0))
}

function readJobs(entries: string): RequestedJob[] | undefined {
  try {
    const json: Record<string, Record<string, { modelName: unknown }>> = JSON.parse(entries)
    const jobs = Object.entries(json).flatMap(([task, types]) =>
      Object.entries(types).map(([type, { modelName }]) => ({ task, type, model: modelName })),
    )
    return jobs.every((job): job is RequestedJob => typeof job.model === 'string') ? jobs : undefined
  } catch {
    return undefined
  }
}

const EMBEDDING = `[${Array.from({ length: 512 }, (_, i) => (i / 5120).toFixed(8)).join(',')}]`

function resultOf(task: string): unknown {
  if (task === 'facial-recognition') {
    return [{ boundingBox: { x1: 10, y1: 20, x2: 110, y2: 140 }, embedding: EMBEDDING, score: 0.98 }]
  }
  if (task === 'ocr')
    return { text: ['hello'], box: [0, 0, 1, 0, 1, 1, 0, 1], boxScore: [0.9], textScore: [0.95] }
  return EMBEDDING
}
