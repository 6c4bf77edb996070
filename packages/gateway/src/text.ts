import { stripVTControlCharacters } from 'node:util'

/** A text of one line without control characters: names of models and errors come from other machines. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
}

/** `12 ms`, `3.4 s`. */
export function timeText(milliseconds: number): string {
  if (milliseconds >= 9_950) return `${Math.round(milliseconds / 1_000)} s`
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(1)} s`
  return `${milliseconds < 10 ? Number(milliseconds.toFixed(1)) : Math.round(milliseconds)} ms`
}
