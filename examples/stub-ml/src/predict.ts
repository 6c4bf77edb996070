import { parseMultipart } from '@mjackson/multipart-parser'

/** What the ML server would answer to a predict request, and what it has to compute first. */
export interface Prediction {
  readonly status: number
  readonly json: unknown
  /** The tasks that are to be computed, with their models; empty when the request is refused. */
  readonly jobs: readonly { readonly task: string; readonly model: string }[]
}

/** Reads a predict request as immich-machine-learning does (`main.py`), refusals included. */
export function predict(contentType: string | undefined, body: Buffer): Prediction {
  const fields = readFields(contentType, body)
  if (fields === undefined) return refuse(400, 'There was an error parsing the body')
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
  const results = Object.fromEntries(jobs.map(({ task }) => [task, resultOf(task)]))
  return { status: 200, json: image ? { ...results, imageHeight: 1440, imageWidth: 1080 } : results, jobs }
}

function refuse(status: number, detail: unknown): Prediction {
  return { status, json: { detail }, jobs: [] }
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
    return new Map([...parts].map((part) => [part.name ?? '', Buffer.from(part.bytes)]))
  } catch {
    return undefined
  }
}

/** The last field of a name counts, as in starlette. An `image` in such a body is no file, and so no payload. */
function readUrlencoded(body: Buffer): Map<string, Buffer> {
  const fields = [...new URLSearchParams(`&${body.toString('latin1')}`)]
  return new Map(fields.flatMap(([name, value]) => (name === 'image' ? [] : [[name, Buffer.from(value)]])))
}

function readJobs(entries: string): { task: string; model: string }[] | undefined {
  try {
    const json: Record<string, Record<string, { modelName: unknown }>> = JSON.parse(entries)
    const jobs = Object.entries(json).flatMap(([task, types]) =>
      Object.values(types).map(({ modelName }) => ({ task, model: modelName })),
    )
    return jobs.every((job): job is { task: string; model: string } => typeof job.model === 'string')
      ? jobs
      : undefined
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
