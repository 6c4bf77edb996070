import type { Random } from './random.ts'

/** A part of a draft. Each character is one byte. */
export interface DraftPart {
  readonly header: string
  readonly content: string
}

/** A request before it is encoded. */
export interface Draft {
  contentType: string
  contentEncoding: string | undefined
  boundary: string
  before: string
  parts: DraftPart[]
  /** The line end between a boundary and the header of its part. */
  lineEnd: string
  ending: string
  /** A urlencoded body, which replaces the parts. */
  form: string | undefined
}

export const CLIP = '{"clip":{"textual":{"modelName":"ViT-B-32__openai","options":{"language":"en"}}}}'
export const OCR = '{"ocr":{"detection":{"modelName":"PP-OCRv5_mobile","options":{"minScore":0.5}}}}'
const FACES =
  '{"facial-recognition":{"detection":{"modelName":"buffalo_l","options":{"minScore":0.7}},"recognition":{"modelName":"buffalo_l"}}}'

export const field = (name: string, content: string): DraftPart => ({
  header: `Content-Disposition: form-data; name="${name}"`,
  content,
})

export const file = (name: string, content: string): DraftPart => ({
  header: `Content-Disposition: form-data; name="${name}"; filename="blob"\r\nContent-Type: application/octet-stream`,
  content,
})

export const IMAGE = '\xff\xd8\xff\xe0 an image \r\n with line ends \r\n--and dashes \0'

/** A random request of the kind that clients send. */
export function draft(random: Random): Draft {
  const boundary = random.pick(['----formdata-undici-043847285935', 'b', 'a.b', '-', '------', "x'()+_-.z"])
  const entries = field('entries', random.pick([CLIP, CLIP, OCR, FACES]))
  const text = field('text', 'a cat')
  const image = file('image', IMAGE)
  const common = {
    contentType: `multipart/form-data; boundary=${boundary}`,
    contentEncoding: undefined,
    boundary,
    before: '',
    lineEnd: '\r\n',
    ending: '--\r\n',
  }
  if (random.below(10) === 0) {
    const form = random.pick([`entries=${encodeURIComponent(CLIP)}&text=cat`, `text=a+cat&entries=${OCR}`])
    return { ...common, contentType: 'application/x-www-form-urlencoded', parts: [], form }
  }
  const parts = random.pick([
    [entries, text],
    [entries, image],
    [entries, image],
    [image, entries],
    [text, entries],
  ])
  return { ...common, parts: [...parts], form: undefined }
}

export function encode({ boundary, before, parts, lineEnd, ending, form }: Draft): Buffer {
  if (form !== undefined) return Buffer.from(form, 'latin1')
  const open = parts.map(({ header, content }) => `--${boundary}${lineEnd}${header}\r\n\r\n${content}\r\n`)
  return Buffer.from(`${before}${open.join('')}--${boundary}${ending}`, 'latin1')
}
