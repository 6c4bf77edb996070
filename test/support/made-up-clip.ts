import { inflateSync } from 'node:zlib'
import type { TaskInput } from '@immich-ml-router/core/testing'

/** How a stand-in of CLIP differs from the usual one. */
export interface ClipOptions {
  /** Numbers of an embedding. */
  readonly length?: number
  /** The weights, in place of those of the model that is asked for. */
  readonly weights?: string
  /** Rounds each number to this many bits, as another precision does. */
  readonly bits?: number
  /** Squeezes the image to a square, where Immich scales the shorter side and crops. */
  readonly squeezes?: boolean
}

const SIDE = 12

/** A stand-in of CLIP: a projection of the pixels, or of the letters, that depends on the weights. */
export function madeUpClip(
  { task, jobs, text, image }: TaskInput,
  { length = 512, weights, bits = 52, squeezes = false }: ClipOptions = {},
): string | undefined {
  if (task !== 'clip') return undefined
  const seed = hash(weights ?? jobs[0]?.model ?? '')
  const features = image === undefined ? lettersOf(text ?? '') : pixelsOf(image, squeezes)
  const embedding = Array.from({ length }, (_, row) =>
    features.reduce((sum, value, column) => sum + value * weight(seed, row, column), 0),
  )
  const norm = Math.hypot(...embedding)
  return JSON.stringify(embedding.map((value) => round(value / norm, bits)))
}

function round(value: number, bits: number): number {
  if (value === 0) return 0
  const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits)
  return Math.round(value / step) * step
}

function lettersOf(text: string): readonly number[] {
  return Array.from({ length: 32 }, (_, at) => (text.charCodeAt(at) || 0) / 128)
}

/** Brightness of an image in 12 x 12 squares, minus the mean; of anything but the PNG of the router, its bytes. */
function pixelsOf(image: Buffer, squeezes: boolean): readonly number[] {
  if (image.readUInt32BE(0) !== 0x89504e47)
    return Array.from(image.subarray(0, SIDE * SIDE), (byte) => byte - 128)
  const [width, height] = [image.readUInt32BE(16), image.readUInt32BE(20)]
  const rows = inflateSync(dataOf(image))
  const crop = squeezes ? 0 : (width - height) / 2
  const side = width - 2 * crop
  const values = Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [left, top] = [crop + ((at % SIDE) * side) / SIDE, (Math.floor(at / SIDE) * height) / SIDE]
    let sum = 0
    for (let y = Math.floor(top); y < Math.floor(top + height / SIDE); y++)
      for (let x = Math.floor(left); x < Math.floor(left + side / SIDE); x++)
        for (let color = 0; color < 3; color++) sum += rows[y * (1 + 3 * width) + 1 + 3 * x + color] ?? 0
    return sum / (3 * Math.floor(height / SIDE) * Math.floor(side / SIDE))
  })
  const mean = values.reduce((a, b) => a + b) / values.length
  return values.map((value) => value - mean)
}

/** The compressed rows, which the router writes in one chunk. */
function dataOf(png: Buffer): Buffer {
  const at = png.indexOf('IDAT')
  return png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4))
}

function weight(seed: number, row: number, column: number): number {
  let mixed = Math.imul(
    seed ^ Math.imul(row + 1, 2_654_435_761) ^ Math.imul(column + 1, 2_246_822_519),
    3_266_489_917,
  )
  mixed = Math.imul(mixed ^ (mixed >>> 15), 668_265_263)
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 31 - 1
}

function hash(text: string): number {
  let sum = 7
  for (const letter of text) sum = Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)
  return sum
}
