/** The width and height in pixels: 4:3, as most photos are. A square would hide that a server squeezes images. */
export const WIDTH = 480
export const HEIGHT = 360

/** The line of text in the drawing. */
export const DRAWN_TEXT = 'MORE LIGHT 27'

type Color = readonly [red: number, green: number, blue: number]

/** Rows of 5 pixels, from the left bit. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  '2': [14, 17, 1, 2, 4, 8, 31],
  '7': [31, 1, 2, 4, 8, 8, 8],
  E: [31, 16, 16, 30, 16, 16, 31],
  G: [14, 17, 16, 23, 17, 17, 14],
  H: [17, 17, 17, 31, 17, 17, 17],
  I: [14, 4, 4, 4, 4, 4, 14],
  L: [16, 16, 16, 16, 16, 16, 31],
  M: [17, 27, 21, 21, 17, 17, 17],
  O: [14, 17, 17, 17, 17, 17, 14],
  R: [30, 17, 17, 30, 20, 18, 17],
  T: [31, 4, 4, 4, 4, 4, 4],
}
const SCALE = 4
const [TEXT_X, TEXT_Y] = [84, 310]

/**
 * The color of a pixel of the drawing: a house between a sun at the left edge and a tree at the right one, grass with fine detail,
 * and a line of text. The edges matter: Immich crops them, and a server that squeezes the image keeps them.
 */
export function colorAt(x: number, y: number): Color {
  if (y >= 295) return isInk(x, y) ? [0, 0, 0] : [250, 250, 250]
  if (isNear(x, y, 34, 60, 30)) return [255, 210, 40]
  if (isNear(x, y, 445, 110, 48)) return [30, 110 + noise(x, y, 60), 40]
  if (x > 436 && x < 454 && y > 140 && y < 250) return [100, 70, 40]
  if (y > 70 && y < 130 && Math.abs(x - 230) < (y - 70) * 1.8)
    return [150 + noise(x >> 3, y >> 2, 50), 40, 30]
  if (x > 140 && x < 320 && y >= 130 && y < 240) return wallAt(x, y)
  if (y >= 220) return [70 + noise(x, y, 50), 140 + noise(y, x, 70), 50]
  return [120 + (y >> 2), 170 + (y >> 3), 240]
}

function wallAt(x: number, y: number): Color {
  const inWindow = y > 150 && y < 190 && ((x > 160 && x < 200) || (x > 260 && x < 300))
  if (inWindow) return x % 20 < 3 || y % 20 < 3 ? [240, 240, 240] : [40, 60, 110]
  if (x > 215 && x < 245 && y > 185) return [90, 50, 30]
  const isJoint = y % 10 === 0 || (x + (y % 20 < 10 ? 0 : 10)) % 20 === 0
  return isJoint ? [190, 180, 160] : [215 + noise(x, y, 20), 190, 150]
}

function isNear(x: number, y: number, toX: number, toY: number, radius: number): boolean {
  return (x - toX) ** 2 + (y - toY) ** 2 < radius ** 2
}

function isInk(x: number, y: number): boolean {
  const [column, row] = [Math.floor((x - TEXT_X) / SCALE), Math.floor((y - TEXT_Y) / SCALE)]
  if (column < 0 || row < 0 || row >= 7) return false
  const glyph = GLYPHS[DRAWN_TEXT[Math.floor(column / 6)] ?? ' ']?.[row] ?? 0
  return column % 6 < 5 && ((glyph >> (4 - (column % 6))) & 1) === 1
}

/** The same number below `most` for the same place. */
function noise(x: number, y: number, most: number): number {
  const mixed = Math.imul(x * 374_761_393 + y * 668_265_263, 1_274_126_177)
  return ((mixed ^ (mixed >>> 15)) >>> 0) % most
}
