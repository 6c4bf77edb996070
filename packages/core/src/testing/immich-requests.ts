import { BUILT_IN_IMAGE, BUILT_IN_TEXT } from '../canary/built-in.ts'

/**
 * The `entries` of each job that Immich sends, with Immich's default models and options: a search by text, the indexing of
 * an image for searches, the detection of faces, and OCR.
 */
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
      recognition: { modelName: 'PP-OCRv5_mobile', options: { minScore: 0.8 } },
    },
  },
} as const

/** A job that Immich sends. */
export type ImmichJob = keyof typeof ENTRIES

/** The `entries` of a request: task, then type, then model. */
export type ImmichEntries = Readonly<
  Record<string, Readonly<Record<string, { readonly modelName: string; readonly options?: object }>>>
>

/** The input of a job: a text for `textSearch`, else the bytes of an image. */
export type Payload = string | Uint8Array | Blob

/** The body of an answer that is good for each of these jobs, for a backend that a test writes itself. */
export const GOOD_ANSWER = '{"clip":"[0.1,0.2]","facial-recognition":[],"ocr":{"text":[]}}'

/**
 * Bytes that stand for an image. They contain a field header, which misleads gateways that search the whole body for one.
 *
 * @param size Number of bytes; at least 100.
 */
export function imageBytes(size: number): Buffer<ArrayBuffer> {
  const image = Buffer.alloc(size)
  for (let i = 0; i < size; i++) image[i] = (i * 31 + (i >> 8)) & 0xff
  image.write('\r\nContent-Disposition: form-data; name="text"\r\n\r\n', Math.floor(size / 2), 'latin1')
  return image
}

/**
 * The form that Immich sends for a job: `entries`, then the payload.
 *
 * @param job A job of {@link ENTRIES}, or entries of your own, for other models or several tasks.
 * @param payload Default: a word for a text search, else a small JPEG image.
 *
 * @example
 * ```ts
 * import { immichForm } from '@immich-ml-router/core/testing'
 *
 * const body = immichForm('textSearch', 'a red car')
 * const response = await fetch('http://localhost:3003/predict', { method: 'POST', body })
 * console.log(await response.json())
 * ```
 */
export function immichForm(job: ImmichJob | ImmichEntries, payload: Payload = defaultPayload(job)): FormData {
  const form = new FormData()
  form.append('entries', JSON.stringify(entriesOf(job)))
  if (typeof payload === 'string') form.append('text', payload)
  else form.append('image', payload instanceof Blob ? payload : new Blob([new Uint8Array(payload)]))
  return form
}

/** The boundary of the bodies of {@link immichBody}. */
export const BOUNDARY = '----formdata-undici-043847285935'

/** The `Content-Type` of the bodies of {@link immichBody}. */
export const CONTENT_TYPE = `multipart/form-data; boundary=${BOUNDARY}`

/**
 * The bytes that Immich sends for a job, for tests that compare the bytes of a request or send them in pieces. Its
 * `Content-Type` is {@link CONTENT_TYPE}.
 *
 * @param job A job of {@link ENTRIES}, or entries of your own, for other models or several tasks.
 * @param payload Default: a word for a text search, else a small JPEG image.
 *
 * @example
 * ```ts
 * import { CONTENT_TYPE, imageBytes, immichBody } from '@immich-ml-router/core/testing'
 *
 * const body = immichBody('faces', imageBytes(500_000))
 * const headers = { 'content-type': CONTENT_TYPE }
 * await fetch('http://localhost:3003/predict', { method: 'POST', headers, body })
 * ```
 */
export function immichBody(
  job: ImmichJob | ImmichEntries,
  payload: string | Uint8Array = defaultPayload(job),
): Buffer<ArrayBuffer> {
  const entries = { header: 'entries', content: Buffer.from(JSON.stringify(entriesOf(job))) }
  const header =
    typeof payload === 'string'
      ? 'text'
      : 'Content-Disposition: form-data; name="image"; filename="blob"\r\nContent-Type: application/octet-stream'
  const content = typeof payload === 'string' ? Buffer.from(payload) : payload
  return multipart([entries, { header, content }])
}

function entriesOf(job: ImmichJob | ImmichEntries): ImmichEntries {
  return typeof job === 'string' ? ENTRIES[job] : job
}

function defaultPayload(job: ImmichJob | ImmichEntries): string | Buffer {
  return entriesOf(job)['clip']?.['textual'] === undefined ? BUILT_IN_IMAGE : BUILT_IN_TEXT
}

/** A part of a multipart body. */
export interface RawPart {
  /** The header lines, joined by CRLF; or only the name of a field, for the usual Content-Disposition. */
  readonly header: string
  /** A text is encoded as Latin-1. */
  readonly content: string | Uint8Array
}

/** Options of {@link multipart}. */
export interface MultipartOptions {
  /** @default BOUNDARY */
  readonly boundary?: string
  /** Text before the first boundary; empty by default. */
  readonly preamble?: string
  /** Text after the last boundary. Default: CRLF. */
  readonly epilogue?: string
  /**
   * Whether the last boundary ends the body. `false` makes a truncated body.
   * @default true
   */
  readonly close?: boolean
}

/** Writes a multipart body, malformed ones included. By default, it has exactly the bytes that fetch would send. */
export function multipart(
  parts: readonly RawPart[],
  { boundary = BOUNDARY, preamble = '', epilogue = '\r\n', close = true }: MultipartOptions = {},
): Buffer<ArrayBuffer> {
  const chunks: (string | Uint8Array)[] = [preamble]
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
