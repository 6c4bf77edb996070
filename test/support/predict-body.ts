import { createHash } from 'node:crypto'

/** The `entries` of the four jobs that Immich sends. */
export const ENTRIES = {
  textSearch: { clip: { textual: { modelName: 'ViT-B-32__openai', options: { language: 'en' } } } },
  indexing: { clip: { visual: { modelName: 'ViT-B-32__openai' } } },
  faces: {
    'facial-recognition': {
      detection: { modelName: 'buffalo_l', options: { minScore: 0.7 } },
      recognition: { modelName: 'buffalo_l' },
    },
  },
  ocr: {
    ocr: {
      detection: { modelName: 'PP-OCRv5_mobile', options: { minScore: 0.5, maxResolution: 736 } },
      recognition: { modelName: 'PP-OCRv5_mobile', options: { minScore: 0.9 } },
    },
  },
} as const

export type Job = keyof typeof ENTRIES

/** A good answer to each of these jobs. */
export const GOOD_ANSWER = '{"clip":"[0.1,0.2]","facial-recognition":[],"ocr":{"text":[]}}'

/** Image bytes that contain a field header, which misleads routers that search the whole body. */
export function imageBytes(size: number): Buffer {
  const image = Buffer.alloc(size)
  for (let i = 0; i < size; i++) image[i] = (i * 31 + (i >> 8)) & 0xff
  image.write('\r\nContent-Disposition: form-data; name="text"\r\n\r\n', Math.floor(size / 2), 'latin1')
  return image
}

/** The form that Immich builds: entries first, then the payload. */
export function immichForm(job: Job, payload: string | Buffer): FormData {
  const form = new FormData()
  form.append('entries', JSON.stringify(ENTRIES[job]))
  if (typeof payload === 'string') form.append('text', payload)
  else form.append('image', new Blob([new Uint8Array(payload)]))
  return form
}

export const BOUNDARY = '----formdata-undici-043847285935'
export const CONTENT_TYPE = `multipart/form-data; boundary=${BOUNDARY}`

/** One part of a hand-made body. */
export interface RawPart {
  /** Header lines, or only a name for the usual Content-Disposition. */
  readonly header: string
  readonly content: string | Buffer
}

/** A hand-made body, by default with exactly the bytes that undici would build. */
export function multipart(
  parts: readonly RawPart[],
  { boundary = BOUNDARY, preamble = '', epilogue = '\r\n', close = true } = {},
): Buffer {
  const chunks: (string | Buffer)[] = [preamble]
  for (const [i, { header, content }] of parts.entries()) {
    if (i > 0 || preamble !== '') chunks.push('\r\n')
    const lines = header.includes(':') ? header : `Content-Disposition: form-data; name="${header}"`
    chunks.push(`--${boundary}\r\n${lines}\r\n\r\n`, content)
  }
  if (close) chunks.push(`\r\n--${boundary}--${epilogue}`)
  return Buffer.concat(
    chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)),
  )
}

/** Immich's body for a job, as bytes. */
export function immichBody(job: Job, payload: string | Buffer): Buffer {
  const entries = { header: 'entries', content: JSON.stringify(ENTRIES[job]) }
  const header =
    typeof payload === 'string'
      ? 'text'
      : 'Content-Disposition: form-data; name="image"; filename="blob"\r\nContent-Type: application/octet-stream'
  return multipart([entries, { header, content: payload }])
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
