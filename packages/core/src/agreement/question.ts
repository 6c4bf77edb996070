import type { Sample } from '../canary/samples.ts'
import type { Classification } from '../classify/classification.ts'
import { colorAt, HEIGHT, WIDTH } from './drawing.ts'
import { encodePng } from './png.ts'

const WORD = 'house'

let image: Promise<Sample> | undefined
let word: Promise<Sample> | undefined

/**
 * The input on which backends are compared: a word, or a drawing of 480 x 360 pixels with detail and a line of text, without a
 * face. It is always the same.
 */
export function fixedQuestion({ input }: Pick<Classification, 'input'>): Promise<Sample> {
  if (input === 'text') {
    word ??= formOf('text', WORD)
    return word
  }
  image ??= formOf('image', new Blob([new Uint8Array(encodePng(WIDTH, HEIGHT, colorAt))]))
  return image
}

async function formOf(name: 'text' | 'image', value: string | Blob): Promise<Sample> {
  const form = new FormData()
  // In the order of Immich; the entries are set when it is sent.
  form.set('entries', '')
  if (typeof value === 'string') form.set(name, value)
  else form.set(name, value, 'blob')
  const encoded = new Response(form)
  return {
    body: Buffer.from(await encoded.arrayBuffer()),
    contentType: encoded.headers.get('content-type') ?? '',
  }
}
